# Two stages: the first has pip and makes a virtual environment, the second runs it and has no installer.
# The tag names Python and Debian and moves with their security fixes. For a build that can be repeated to
# the byte, give the digest: docker build --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:... .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# The dependencies first: this layer stays as it is while only the bot changes. What makes the wheel is locked
# like them and stays in this stage; every download is in this layer, and every one is checked by its hash.
COPY requirements.lock build.lock ./
RUN python -m venv --without-pip /opt/bot \
    && pip --python /opt/bot install --no-cache-dir --require-hashes -r requirements.lock \
    && pip install --no-cache-dir --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
RUN pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/bot install --no-cache-dir --no-index --no-deps /wheel/*.whl

FROM ${PYTHON_IMAGE}
# Fixed ids, so that a volume's files have the same owner after each build.
RUN python -m pip uninstall --yes pip \
    && groupadd --gid 10001 bot \
    && useradd --uid 10001 --gid bot --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin bot \
    && install --directory --mode=0700 --owner=bot --group=bot /data
COPY --from=build /opt/bot /opt/bot
ENV PATH=/opt/bot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
# Whether the process itself is alive: an OLT manager or a Telegram that is away is no reason to start anew.
# Past any proxy of the environment; OPS_PORT=0 turns the endpoint off, and this check with it.
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; p = os.environ.get('OPS_PORT') or '8081'; p == '0' or u.build_opener(u.ProxyHandler({})).open(f'http://127.0.0.1:{p}/livez', timeout=5)"]
# Exec form: signals reach Python itself.
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
