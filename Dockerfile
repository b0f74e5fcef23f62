# One image for web, worker and beat. `docker compose up` builds and starts all of it.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --create-home --home-dir /srv/backoffice backoffice && install -d -o backoffice /data
WORKDIR /srv/backoffice

# For receipts as PDF: the libraries that draw them, and a font with Chinese characters.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    fontconfig fonts-noto-cjk libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 && rm -rf /var/lib/apt/lists/*

COPY requirements.lock requirements-pdf.lock ./
RUN pip install --require-hashes -r requirements.lock -r requirements-pdf.lock

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
