# One image for the four services; the command says which.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY clients clients
COPY services services
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 pitwall && install -d -o pitwall /data /cache
COPY --from=build /venv /venv
USER pitwall
WORKDIR /home/pitwall
# Compiled kernels outlive a container when /cache is a volume.
ENV PATH=/venv/bin:$PATH NUMBA_CACHE_DIR=/cache PYTHONUNBUFFERED=1
# Exec form, so that SIGTERM reaches the server and it drains.
ENTRYPOINT ["python", "-m"]
CMD ["services.scenario"]
