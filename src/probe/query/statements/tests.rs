//! On real servers: what the figures mean is tested with `deltas` and `known`.

mod world {
    use std::time::Instant;

    use tokio_postgres::NoTls;

    use super::super::*;
    use crate::{
        clock,
        model::queries::Queries,
        probe::governor::MARK,
        sandbox::{Postgres, postgres::Builder},
    };

    async fn client(server: &Postgres) -> Client {
        let (client, connection) = tokio_postgres::connect(&server.superuser_url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    struct World {
        server: Postgres,
        client: Client,
        catalog: Catalog,
        deltas: Deltas,
        known: Known,
        last: Instant,
        database: u32,
    }

    impl World {
        async fn new() -> Self {
            Self::on(Postgres::builder()).await
        }

        async fn on(builder: Builder) -> Self {
            let server = builder.with_statements().start().unwrap();
            let client = client(&server).await;
            client.batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await.unwrap();
            let catalog = locate(&client).await.unwrap().unwrap();
            let database = "SELECT oid FROM pg_database WHERE datname = current_database()";
            let database = client.query_one(database, &[]).await.unwrap().get(0);
            let known = Known::new(catalog.role);
            Self { server, client, catalog, deltas: Deltas::default(), known, last: clock::now(), database }
        }

        async fn step(&mut self) -> (Interval, Queries) {
            let snapshot = read(&self.client, &self.catalog).await.unwrap().unwrap();
            let now = clock::now();
            let interval = self.deltas.step(snapshot, now - self.last, clock::wall());
            self.last = now;
            let wants = self.known.wants(now, &interval, &[self.database]);
            if wants.roles {
                self.known.learn_roles(roles(&self.client).await.unwrap());
            }
            if !wants.texts.is_empty() {
                self.known.learn(texts(&self.client, &self.catalog, &wants.texts).await.unwrap());
            }
            let queries = interval.queries(self.database, 25.0, &self.known);
            (interval, queries)
        }
    }

    #[tokio::test]
    async fn statements_of_known_number_and_duration_are_counted() {
        let mut world = World::new().await;
        let other = client(&world.server).await;
        other.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
        let (first, queries) = world.step().await;
        assert_eq!((first.elapsed, queries.calls), (None, 0));
        for nth in 0..50 {
            other
                .batch_execute(&format!("SELECT pg_sleep(0.0{}), 'secret'", if nth % 5 == 0 { "40" } else { "02" }))
                .await
                .unwrap();
        }
        for _ in 0..30 {
            other.query("SELECT count(*) FROM pg_class WHERE relname = $1", &[&"secret"]).await.unwrap();
        }
        let (interval, queries) = world.step().await;
        let sleep = &queries.statements[0];
        assert_eq!((sleep.calls, sleep.rows), (50, 50));
        assert!((sleep.total_ms - 480.0).abs() < 40.0, "{}", sleep.total_ms);
        assert_eq!(sleep.text.as_deref(), Some("SELECT pg_sleep($1), $2"));
        assert!(queries.statements.iter().any(|one| one.calls == 30), "{queries:#?}");
        assert!(queries.statements.iter().all(|one| !format!("{one:?}").contains("secret") && !one.user.is_empty()));
        let own = interval.own(&world.known).unwrap();
        assert!(own.calls >= 1, "{own:?}");

        // Our own are recognised and left out, and idle time counts nothing.
        let (interval, queries) = world.step().await;
        assert_eq!((queries.calls, queries.statements.len()), (0, 0), "{queries:#?}");
        assert!(interval.own(&world.known).unwrap().calls >= 1);

        // A reset loses nothing that came after it, and invents nothing.
        other.batch_execute("SELECT pg_sleep(0.01), 1").await.unwrap();
        other.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
        for _ in 0..7 {
            other.batch_execute("SELECT pg_sleep(0.001), 1").await.unwrap();
        }
        let (_, queries) = world.step().await;
        let sleep = &queries.statements[0];
        assert_eq!(sleep.calls, 7);
    }

    #[tokio::test]
    async fn a_missing_extension_or_grant_says_what_to_run() {
        let world = World::new().await;
        let client = &world.client;
        client.batch_execute("DROP EXTENSION pg_stat_statements").await.unwrap();
        let error = read(client, &world.catalog).await.unwrap_err();
        let missing = explain(&error, &world.catalog.role_name).unwrap();
        assert_eq!(missing.fix.as_deref(), Some("CREATE EXTENSION pg_stat_statements;"), "{missing:?}");
        let missing = locate(client).await.unwrap().unwrap_err();
        assert_eq!(missing.fix.as_deref(), Some("CREATE EXTENSION pg_stat_statements;"));

        let schema = "CREATE SCHEMA \"Odd name\"; \
            CREATE EXTENSION pg_stat_statements SCHEMA \"Odd name\"";
        client.batch_execute(schema).await.unwrap();
        let catalog = locate(client).await.unwrap().unwrap();
        assert!(!read(client, &catalog).await.unwrap().unwrap().rows.is_empty());

        client.batch_execute("CREATE ROLE \"Blind\"; SET ROLE \"Blind\"").await.unwrap();
        let missing = locate(client).await.unwrap().unwrap_err();
        assert_eq!(missing.fix.as_deref(), Some("GRANT USAGE ON SCHEMA \"Odd name\" TO \"Blind\";"));
        client.batch_execute("RESET ROLE; GRANT USAGE ON SCHEMA \"Odd name\" TO \"Blind\"; SET ROLE \"Blind\"").await.unwrap();
        let missing = locate(client).await.unwrap().unwrap_err();
        assert_eq!(missing.fix.as_deref(), Some("GRANT pg_monitor TO \"Blind\";"));
        let missing = read(client, &catalog).await.unwrap().unwrap_err();
        assert!(missing.fix.is_some_and(|fix| fix.starts_with("GRANT pg_monitor")), "taken back after it was located");
    }

    #[tokio::test]
    async fn evictions_make_no_bursts() {
        let mut world = World::on(Postgres::builder().setting("pg_stat_statements.max", "100")).await;
        let other = client(&world.server).await;
        world.step().await;
        let mut evictions = 0;
        for round in 0..10 {
            for nth in 0..60_u32 {
                let columns = (0..=(round * 37 + nth) % 250).map(|_| "1").collect::<Vec<_>>().join(",");
                other.batch_execute(&format!("SELECT {columns}")).await.unwrap();
            }
            let (_, queries) = world.step().await;
            assert!(queries.calls <= 61, "{}", queries.calls);
            assert!(queries.total_ms < 1_000.0);
            evictions = queries.evictions.unwrap_or(1);
        }
        assert!(evictions > 0);
    }

    #[tokio::test]
    async fn every_statement_bears_the_mark() {
        let world = World::new().await;
        let (client, catalog) = (&world.client, &world.catalog);
        client.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
        read(client, catalog).await.unwrap().unwrap();
        texts(client, catalog, &[1]).await.unwrap();
        roles(client).await.unwrap();
        locate(client).await.unwrap().unwrap();
        let query =
            "SELECT query FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let seen: Vec<String> = client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let ours = |text: &&String| !text.contains("pg_stat_statements_reset") && !text.contains("typ");
        assert!(seen.len() >= 4);
        assert!(seen.iter().filter(ours).all(|text| text.contains(MARK)), "{seen:#?}");
    }

    #[tokio::test]
    async fn a_library_that_is_not_loaded_is_named() {
        let server = Postgres::start().unwrap();
        let client = client(&server).await;
        let fix = locate(&client).await.unwrap().unwrap_err().fix.unwrap();
        assert!(fix.contains("shared_preload_libraries") && fix.ends_with("CREATE EXTENSION pg_stat_statements;"), "{fix}");
        client.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        let catalog = locate(&client).await.unwrap().unwrap();
        let error = read(&client, &catalog).await.unwrap_err();
        let missing = explain(&error, &catalog.role_name).unwrap();
        assert!(missing.cause.contains("has not loaded") && missing.fix.unwrap().contains("restart"), "{}", missing.cause);
    }
}
