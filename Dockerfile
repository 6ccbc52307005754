# The image of ajsync: a wheel and its dependencies, in an environment that the last stage copies.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
# What the lock files name and nothing else, each by its hash; without isolation no build fetches more.
COPY .ci/requirements.txt .ci/requirements-build.txt .ci/
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --requirement .ci/requirements-build.txt \
    && /build/bin/pip wheel --no-cache-dir --require-hashes --no-build-isolation --wheel-dir /wheels \
        --requirement .ci/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY ajsync ajsync
# The environment has no pip, because nothing is installed in the image later.
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/ajsync \
    && /build/bin/pip --python /opt/ajsync/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl

FROM ${BASE}
# The release adds the version, the commit and the address.
LABEL org.opencontainers.image.title=ajsync \
    org.opencontainers.image.description="Schedules as code for Choria Asynchronous Jobs" \
    org.opencontainers.image.licenses=Apache-2.0
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
