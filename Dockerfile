# The image of ajsync: a wheel and its dependencies, in an environment that the last stage copies.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY ajsync ajsync
# The environment has no pip, because nothing is installed in the image later.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel . \
    && python -m venv --without-pip /opt/ajsync \
    && pip --python /opt/ajsync/bin/python install --no-cache-dir "$(echo /wheel/*.whl)[ics,monitor]"

FROM ${BASE}
COPY --from=build /opt/ajsync /opt/ajsync
# NATS contexts are mounted at /config/nats/context. Nothing is written, so the root file system can be read-only.
ENV PATH=/opt/ajsync/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    XDG_CONFIG_HOME=/config
WORKDIR /etc/ajsync
# A number, because Kubernetes cannot tell whether a name is root.
USER 65532:65532
EXPOSE 8080
# For the scheduler with its monitor on this port, which CMD starts. A plan ends before the first check.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["ajsync"]
CMD ["scheduler", "--monitor", "*:8080"]
