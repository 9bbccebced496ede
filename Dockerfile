# The glue: one image for the service, the first steps of the other containers and the simulator.
# All packages come from the lock that the tests run with, as wheels (amd64 and arm64 alike), so no
# compiler is needed.

# https://github.com/docker-library/official-images/blob/master/library/python
ARG PYTHON_IMAGE=python:3.11.16-slim-bookworm
FROM ${PYTHON_IMAGE}

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /app

# Fonts for names in reports. (pg_dump for `tonypi backup` comes from the server's image, init-postgres.)
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends fonts-noto-core fonts-wqy-microhei fonts-noto-color-emoji && rm -rf /var/lib/apt/lists/*

# Packages first: they change less often than the code, and are kept as a layer of their own.
COPY pyproject.toml requirements.lock glue/stack/runtime_lock.py /tmp/lock/
RUN python /tmp/lock/runtime_lock.py /tmp/lock/pyproject.toml /tmp/lock/requirements.lock > /tmp/lock/runtime.lock
RUN python -m pip install --quiet --require-hashes --no-deps --only-binary :all: -r /tmp/lock/runtime.lock

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tonypi --shell /usr/sbin/nologin tonypi
RUN install -d -o tonypi -g tonypi /var/lib/tonypi
RUN printf '#!/bin/sh\nexec python -m glue.cli "$@"\n' > /usr/local/bin/tonypi
RUN chmod 755 /usr/local/bin/tonypi

COPY . /app/
ENV PYTHONPATH=/app \
    TONYPI_HOME=/var/lib/tonypi
RUN python -m compileall -q glue

USER tonypi
ENTRYPOINT ["tonypi"]
CMD ["serve"]
