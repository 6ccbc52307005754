# Sourced by each script of action.yml. It removes from the environment everything that leads into the checkout, or that
# names modules and settings for Python and pip. It uses only bash itself, because PATH cannot be trusted yet.

checkout=$(cd -P -- "$GITHUB_WORKSPACE" && pwd -P)

# Whether a folder, or the folder of a file, is in the checkout with all links followed. A relative path may be.
in_checkout() {
  local folder
  case "$1" in /*) ;; *) return 0 ;; esac
  folder=$(cd -P -- "$1" 2> /dev/null && pwd -P) || folder=$(cd -P -- "${1%/*}/" 2> /dev/null && pwd -P) || folder=$1
  case "$folder/" in "$checkout"/*) return 0 ;; *) return 1 ;; esac
}

# Prints the folders of a colon-separated list that are not in the checkout.
outside() {
  local folder kept=
  local -a folders
  IFS=: read -r -a folders <<< "$1"
  for folder in "${folders[@]}"; do
    if ! in_checkout "$folder"; then kept+=":$folder"; fi
  done
  printf '%s' "${kept#:}"
}

keep_settings_outside() {
  local name
  for name in $(compgen -e); do
    case "$name" in
      # Where pip and others look for their settings. The runner's own settings stay.
      HOME | XDG_CONFIG_HOME)
        if in_checkout "${!name}"; then unset "$name"; fi
        ;;
      XDG_CONFIG_DIRS)
        if [ "$(outside "$XDG_CONFIG_DIRS")" != "$XDG_CONFIG_DIRS" ]; then unset XDG_CONFIG_DIRS; fi
        ;;
      # Where the runner gets its packages from, unless a file of the checkout says so.
      PIP_CERT | PIP_CONFIG_FILE | PIP_EXTRA_INDEX_URL | PIP_INDEX_URL | PIP_PROXY | PIP_TRUSTED_HOST)
        if [[ "${!name}" == *"$GITHUB_WORKSPACE"* || "${!name}" == *"$checkout"* ]]; then unset "$name"; fi
        case "$name" in PIP_CERT | PIP_CONFIG_FILE) if in_checkout "${!name-/}"; then unset "$name"; fi ;; esac
        ;;
      PIP_* | PYTHON?*) unset "$name" ;;
    esac
  done
  export HOME="${HOME:-$RUNNER_TEMP}"
}

# A workflow may have put a folder of the checkout first, such as node_modules/.bin.
PATH=$(outside "$PATH")
export PATH
keep_settings_outside
