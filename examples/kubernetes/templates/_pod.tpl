{{- define "ajsync.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* OpenShift gives each namespace its own range of users and groups, and refuses others. */}}
{{- define "ajsync.podSecurityContext" -}}
{{- if .Values.openshift -}}
{{- omit .Values.podSecurityContext "runAsUser" "runAsGroup" "fsGroup" | toYaml -}}
{{- else -}}
{{- .Values.podSecurityContext | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "ajsync.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Which of the three places the files come from; empty where the pods only fire what is in the bucket. */}}
{{- define "ajsync.files" -}}
{{- if .Values.configFile -}}
{{- if or .Values.schedules .Values.existingConfigMap -}}
{{- fail "configFile, existingConfigMap and schedules are three places for the files: set only one of them." -}}
{{- end -}}
{{- .Values.configFile -}}
{{- else if .Values.existingConfigMap -}}
{{- if .Values.schedules -}}
{{- fail "configFile, existingConfigMap and schedules are three places for the files: set only one of them." -}}
{{- end -}}
/etc/ajsync/ajsync.yaml
{{- else if .Values.schedules -}}
/etc/ajsync/ajsync.yaml
{{- end -}}
{{- end -}}
