# The training worker, and TRL with the client's adapter. Build from the project's root:
#   docker build -f docker/train.Dockerfile -t keystep-train .
#   docker run --gpus all keystep-train keystep-train --help
#
# Build arguments:
#   BASE                  what it stands on. For a CPU: python:3.11-slim-bookworm, and torch's CPU wheels by
#   PIP_EXTRA_INDEX_URL   the index of them (PyTorch's page "Get started locally" names it). Without it torch brings its own CUDA.
#   EXTRAS                of pyproject.toml
ARG BASE=nvidia/cuda:12.8.1-base-ubuntu24.04
FROM ${BASE}
ARG EXTRAS=train,trl
ARG PIP_EXTRA_INDEX_URL
# CUDA's images have no Python.
RUN command -v python3 > /dev/null && python3 -c 'import ensurepip, venv' \
    || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv > /dev/null && rm -rf /var/lib/apt/lists/*; }
RUN python3 -m venv /opt/keystep
ENV PATH=/opt/keystep/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /src
COPY docker/constraints.txt docker/requirements.py ./
# torch in a layer of its own, first: the largest, and the one that changes least.
RUN pip install --quiet -c constraints.txt torch
COPY pyproject.toml ./
RUN python requirements.py "$EXTRAS" > requirements.txt && pip install --quiet -r requirements.txt -c constraints.txt
COPY README.md LICENSE ./
COPY service service
COPY clients clients
RUN pip install --quiet --no-deps .

# Runs, and weights from the hub, lie where one works.
RUN useradd --uid 10001 --create-home --shell /bin/bash keystep && install -d -o keystep -g keystep /work /work/runs /work/huggingface
WORKDIR /work
RUN cp -r /src/clients/examples examples
ENV HF_HOME=/work/huggingface
USER 10001
CMD ["keystep-train", "--help"]
