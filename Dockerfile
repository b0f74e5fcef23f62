# One image for web, worker and beat. `docker compose up` builds and starts all of it.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --create-home --home-dir /srv/backoffice backoffice && install -d -o backoffice /data
WORKDIR /srv/backoffice

COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock

COPY . .
ENV BACKOFFICE_MODE=production DATA_DIR=/data STATIC_ROOT=/srv/static
# The settings here are for collecting files alone: nothing is connected to, and none of them stays in the image.
RUN install -d -o backoffice /srv/static && \
    PUBLIC_URL=https://build.invalid DATABASE_URL=sqlite:// EMAIL_URL=consolemail:// DATA_DIR=/tmp/build \
    SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(50))') \
    LOOKUP_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(50))') \
    ENCRYPTION_KEYS=k1:$(python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())') \
    python manage.py collectstatic --noinput --verbosity 0 && rm -rf /tmp/build

USER backoffice
EXPOSE 8000
CMD ["gunicorn", "backoffice.wsgi", "--bind", "0.0.0.0:8000", "--workers", "3", "--threads", "4", "--timeout", "60", "--no-control-socket"]
