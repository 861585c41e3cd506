# The service: not root, read-only root file system, no shell needed. Build from the project's root:
#   docker build -f docker/service.Dockerfile -t keystep .
#   docker run -p 8000:8000 keystep
#
# Build arguments:
#   EXTRAS                of pyproject.toml. server,embed has torch, for the recipe semantic and for reward models;
#                         server alone is far smaller and serves every recipe that needs no model.
#   PIP_EXTRA_INDEX_URL   where torch's CPU wheels are (PyTorch's page "Get started locally" names the index). Without it
#                         torch brings gigabytes of CUDA on Linux x86: what a GPU needs, and nothing else does.
FROM python:3.11-slim-bookworm AS build
ARG EXTRAS=server,embed
ARG PIP_EXTRA_INDEX_URL
# What compiles the core; a Python of Debian's own has its headers apart.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    $(python3 -c 'import os, sysconfig; print("" if os.path.exists(sysconfig.get_path("include") + "/Python.h") else "python3-dev")') > /dev/null
RUN python -m venv /opt/keystep
ENV PATH=/opt/keystep/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY docker/constraints.txt docker/requirements.py ./
# torch in a layer of its own, first: the largest, and the one that changes least.
# Without what only a compiler or torch's own tests need: 200 MB.
RUN case ",$EXTRAS," in *,embed,*) pip install --quiet -c constraints.txt torch \
    && cd /opt/keystep/lib/python3*/site-packages/torch && rm -r include test \
    && find bin -type f ! -name torch_shm_manager -delete ;; esac
# Then the other dependencies: they change less often than the code.
COPY pyproject.toml ./
# Without other libraries' tests.
RUN python requirements.py "$EXTRAS" > requirements.txt && pip install --quiet -r requirements.txt -c constraints.txt \
    && find /opt/keystep/lib -type d -name tests -prune -exec rm -r {} +
COPY README.md LICENSE ./
COPY service service
COPY clients clients
RUN pip install --quiet --no-deps .
# Core and verify as extension modules (docs/decisions/0010), in place of the interpreted ones; the compiler stays behind.
COPY docker/compile.py docker/
RUN pip install --quiet --target /opt/mypyc -c constraints.txt mypy setuptools \
    && PYTHONPATH=/opt/mypyc python docker/compile.py /opt/compiled && cp -r /opt/compiled/. /opt/keystep/lib/python3*/site-packages/

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin keystep \
    && install -d -o keystep -g keystep /var/lib/keystep /var/lib/keystep/huggingface
COPY --from=build /opt/keystep /opt/keystep
# All that is written lies in the volume: cache, jobs, and the weights that a model brings from the hub.
ENV PATH=/opt/keystep/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    KEYSTEP_HOST=0.0.0.0 KEYSTEP_LOG_FORMAT=json \
    KEYSTEP_CACHE_PATH=/var/lib/keystep/cache.sqlite3 KEYSTEP_JOBS_PATH=/var/lib/keystep/jobs.sqlite3 HF_HOME=/var/lib/keystep/huggingface
# By number, so that runAsNonRoot can tell.
USER 10001
VOLUME /var/lib/keystep
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('KEYSTEP_PORT', '8000')}/livez\", timeout=2)"]
CMD ["keystep", "serve"]
