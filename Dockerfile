# One image: the service, its pages' assets and the default model pack. Runs as a user without rights; data in /data.
# Not run where it was written: there was no container engine. See README, "Docker".
FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends npm libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/muster
COPY requirements-build.lock requirements.lock ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && .venv/bin/pip install --no-cache-dir --no-build-isolation --require-hashes -r requirements.lock
COPY pyproject.toml README.md package.json package-lock.json ./
COPY app app
COPY recognition recognition
COPY devices devices
COPY migrations migrations
# The weights are in the pack once it is built; the package that carried them is 126 MB.
RUN .venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps -e . \
 && .venv/bin/muster assets \
 && .venv/bin/muster pack build \
 && .venv/bin/pip uninstall -y face_recognition_models

FROM python:3.12-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home muster
COPY --from=build /srv/muster /srv/muster
WORKDIR /srv/muster
ENV PATH=/srv/muster/.venv/bin:$PATH \
    MUSTER_DATA_DIR=/data \
    MUSTER_HOST=0.0.0.0 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1
USER muster
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]
CMD ["muster", "serve"]
