#!/bin/bash
# Run once, when the data folder is made: the application's role, and Isobar's with the least that it needs
# (docs/operations.md). psql quotes the passwords.
set -euo pipefail

psql --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
  --set app_password="$APP_PASSWORD" --set isobar_password="$ISOBAR_PASSWORD" --set database="$POSTGRES_DB" <<'SQL'
CREATE ROLE app LOGIN PASSWORD :'app_password';
GRANT CREATE ON DATABASE :"database" TO app;

CREATE ROLE isobar LOGIN CONNECTION LIMIT 4 PASSWORD :'isobar_password';
GRANT pg_monitor TO isobar;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
SQL
