# The service: no torch, no shell needed, not root. Build from the project's root:
#   docker build -f docker/service.Dockerfile -t keystep .
#   docker run -p 8000:8000 keystep
FROM python:3.11-slim-bookworm AS build
RUN python -m venv /opt/keystep
ENV PATH=/opt/keystep/bin:$PATH
WORKDIR /src
# Dependencies in a layer of their own: they change less often than the code.
COPY pyproject.toml docker/constraints.txt ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
    print(*p['dependencies'], *p['optional-dependencies']['server'], sep='\n')" > requirements.txt \
    && pip install --no-cache-dir -r requirements.txt -c constraints.txt
COPY README.md LICENSE ./
COPY service service
COPY clients clients
RUN pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin keystep \
    && install -d -o keystep -g keystep /var/lib/keystep
COPY --from=build /opt/keystep /opt/keystep
ENV PATH=/opt/keystep/bin:$PATH PYTHONUNBUFFERED=1 KEYSTEP_HOST=0.0.0.0 KEYSTEP_CACHE_PATH=/var/lib/keystep/cache.sqlite3 KEYSTEP_LOG_FORMAT=json
# By number, so that runAsNonRoot can tell.
USER 10001
VOLUME /var/lib/keystep
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('KEYSTEP_PORT', '8000')}/livez\", timeout=2)"]
CMD ["keystep", "serve"]
