# One image for every process: serve, worker, scheduler, migrate. Build: docker build -t tianxin .
FROM node:24-slim AS assets
WORKDIR /assets
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --ignore-scripts \
 && mkdir vendor \
 && cp node_modules/weui/dist/style/weui.min.css node_modules/htmx.org/dist/htmx.min.js \
       node_modules/echarts/dist/echarts.min.js vendor/

FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# pictures of reports are drawn on the server: a small font with Chinese characters
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /srv/tianxin tianxin
WORKDIR /srv/tianxin
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY bot bot
COPY handlers handlers
COPY actions actions
COPY rules rules
COPY policies policies
COPY models models
COPY scheduler scheduler
COPY simulator simulator
COPY pages pages
COPY --from=assets /assets/vendor pages/static/vendor
RUN pip install --no-deps --no-build-isolation -e . && install -d -o tianxin /srv/tianxin/var
USER tianxin
ENV TIANXIN_HOST=0.0.0.0 TIANXIN_PORT=8080 TIANXIN_HEALTH_PORT=8081 TIANXIN_VAR=/srv/tianxin/var
EXPOSE 8080 8081
VOLUME /srv/tianxin/var
# SIGTERM is heard by the program itself: it finishes what is in hand and gives the rest back, in ten seconds
STOPSIGNAL SIGTERM
ENTRYPOINT ["tianxin"]
CMD ["serve"]
