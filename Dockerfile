# The server of Modelry: docker build --tag modelry:0.1.0 .
# It runs as a numeric user on a read-only root, and writes to /data and /tmp alone.
FROM python:3.11-slim AS build

WORKDIR /source
RUN python -m venv --without-pip /opt/modelry
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN python -m pip --python /opt/modelry/bin/python install --no-cache-dir --compile \
      --constraint constraints.txt ".[server,postgresql,objects,telemetry]"

FROM python:3.11-slim

LABEL org.opencontainers.image.title="Modelry" \
      org.opencontainers.image.description="The model registry that every tool already speaks to." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

# Nothing that could install something is left.
RUN python -m pip uninstall --yes --root-user-action=ignore setuptools wheel pip \
    && rm -rf /usr/local/lib/python3.11/ensurepip \
    && mkdir /data && chown 10001:10001 /data

COPY --from=build /opt/modelry /opt/modelry

ENV PATH=/opt/modelry/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MODELRY_HOME=/data \
    MODELRY_HOST=0.0.0.0 \
    MODELRY_LOG=json

USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["modelry"]
CMD ["serve"]
