// What to check, in which order, when a server or a pooler lets nobody in: by what a fresh attempt was told. Pure.
import { AWAY, onConsole, place, poolerOf } from "./first_aid.js";

/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {{does: string, command?: string}} Check */
/** What is known, and what to check one after the other. @typedef {{what: string, checks: Check[]}} Checks */

const LOG = "journalctl -u 'postgresql*' -n 50 --no-pager";

/** @type {Check} */
const RUNS = {
  does: "On its machine: does PostgreSQL run? If it is stopped, read the log (below) before you start it.",
  command: "systemctl status 'postgresql*' --no-pager",
};
/** @type {Check} */
const SAID = {
  does: "What it said last. “Killed” or “signal 9”: out of memory. “No space left”: the disk. “redo starts”: on its way back, wait.",
  command: LOG,
};
/** @type {Check} */
const DISK = {
  does: "Is a disk full? Make room outside the data directory; delete nothing within it.",
  command: "df -h",
};
/** @type {Check} */
const START = {
  does: "When nothing of that keeps it down: start it, and watch its log.",
  command: "systemctl start postgresql",
};
/** @type {Check} */
const HOSTED = {
  does: "Not your machine? Look at the provider's console and status page: stopped, failing over, out of disk. Supabase: is the project paused? Restore it there.",
};

/** @param {{host: string, port: string}} at */
const ready = ({ host, port }) => `pg_isready -h ${host} -p ${port}`;

/** @param {{host: string, port: string}} at @returns {Check} */
const takes = (at) => ({ does: "From Isobar's node: does it take connections by now?", command: ready(at) });

/** Each with where Isobar's node reaches it. @type {Record<string, (at: {host: string, port: string}) => Checks>} */
const CAUSES = {
  tcp_refused: (at) => ({
    what: "Its machine answers, but nothing listens on the port: PostgreSQL is stopped, has crashed, or listens elsewhere.",
    checks: [RUNS, SAID, DISK, START, takes(at), HOSTED],
  }),
  tcp_timeout: (at) => ({
    what: "Nothing answers at its address: the machine is off, or the way to it is cut (network, firewall, security group).",
    checks: [
      { does: "From Isobar's node: is the port reachable?", command: `nc -vz -w 3 ${at.host} ${at.port}` },
      { does: "The same from another machine of that network: if it works there, the way from here is cut." },
      {
        does: "Is the machine on? See the provider's console and status page. Supabase: is the project paused? Restore it there.",
      },
      RUNS,
      SAID,
    ],
  }),
  dns_failed: (at) => ({
    what: "Its host name does not resolve, so nobody gets as far as the server.",
    checks: [
      { does: "From Isobar's node: does the name resolve?", command: `getent hosts ${at.host}` },
      {
        does: "Was the server renamed, moved or deleted? Supabase: the name of a paused project is gone until it is restored.",
      },
      { does: "Do other names resolve? If not, it is the node's DNS.", command: "cat /etc/resolv.conf" },
    ],
  }),
  lost: (at) => ({
    what: "It closes connections at once: it crashed, restarts, or something between ends them.",
    checks: [SAID, RUNS, DISK, takes(at), HOSTED],
  }),
  unresponsive: (at) => ({
    what: "The port is open, but no trivial query is answered: the disk hangs, the machine is out of memory or paused, or a process is stopped.",
    checks: [
      { does: "From Isobar's node: does it answer by now?", command: `${ready(at)} -t 3` },
      {
        does: "On its machine: processes stuck on the disk (state D) or stopped (T).",
        command: "ps -eo pid,stat,wchan:20,args | grep '[p]ostgres'",
      },
      { does: "Is the disk full, or does it not answer?", command: "df -h; iostat -x 1 3" },
      SAID,
      HOSTED,
    ],
  }),
  too_many_connections: () => ({
    what: "All its connections are taken, so new ones are refused; those that have one go on.",
    checks: [
      {
        does: "As superuser (slots are kept for you): who holds them?",
        command:
          "SELECT application_name, usename, state, count(*) FROM pg_stat_activity\n WHERE backend_type = 'client backend' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10;",
      },
      { does: "Stop or slow that application first, or its sessions come back." },
      {
        does: "Then end those that have done nothing for 10 minutes. Their applications see an error and connect again.",
        command:
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity\n WHERE state = 'idle' AND backend_type = 'client backend' AND state_change < now() - interval '10 minutes';",
      },
    ],
  }),
  auth_failed: () => ({
    what: "It refuses Isobar's user: a changed password, an expired role, or other rules in pg_hba.conf. Applications may be refused too.",
    checks: [
      { does: "Do the applications get in? If so, only Isobar's user or password is wrong: see `url` of the target." },
      {
        does: "As superuser: may the role log in, and until when?",
        command:
          "SELECT rolname, rolcanlogin, rolvaliduntil FROM pg_roles WHERE NOT rolcanlogin OR rolvaliduntil < now();",
      },
      {
        does: "Which rules of pg_hba.conf hold, and which are wrong?",
        command: "SELECT line_number, type, database, user_name, address, auth_method, error FROM pg_hba_file_rules;",
      },
    ],
  }),
  no_such_database: () => ({
    what: "The server runs, but has no database of that name: dropped, renamed, or the wrong server.",
    checks: [{ does: "Which databases are there?", command: "SELECT datname, datallowconn FROM pg_database;" }],
  }),
  tls_failed: ({ host, port }) => ({
    what: "The server runs, but TLS cannot be agreed on: an expired certificate, or ssl is off after a restart.",
    checks: [
      {
        does: "From Isobar's node: until when does its certificate hold?",
        command: `openssl s_client -starttls postgres -connect ${host}:${port} </dev/null 2>/dev/null | openssl x509 -noout -subject -dates`,
      },
      SAID,
    ],
  }),
  starting_up: (at) => ({
    what: "It is starting, and lets nobody in yet. After a crash it first replays its log, which may take minutes: wait, do not restart it.",
    checks: [
      { does: "On its machine: does it go on? “redo in progress” with a position that grows means yes.", command: LOG },
      DISK,
      takes(at),
    ],
  }),
  shutting_down: (at) => ({
    what: "Somebody, or something, stops it: a restart, a failover, a deployment.",
    checks: [
      { does: "Was it planned? Ask who is on call, and look at the provider's console." },
      { does: "On its machine: what it said, and whether it comes back.", command: LOG },
      takes(at),
    ],
  }),
};

/** @type {Record<string, string>} */
const SAME = { in_recovery: "starting_up", query_timeout: "unresponsive" };

/** Nothing is known but that nobody gets in. @param {{host: string, port: string}} at @returns {Checks} */
const unknown = (at) => ({
  what: "Fresh connections fail.",
  checks: [{ does: "From Isobar's node: what is a client told?", command: ready(at) }, RUNS, SAID, DISK, HOSTED],
});

/** @param {Alert} alert @param {string} kind @returns {Checks} */
function pooler({ evidence, target }, kind) {
  const { address, pool } = poolerOf(evidence);
  const isPaused = evidence.cause === "pooler_paused";
  const what = isPaused
    ? "The pooler holds all clients back: somebody said PAUSE or DISABLE."
    : "Clients get no connection from the pooler, though the server itself may be well.";
  if (kind === "supabase") {
    return {
      what,
      checks: [{ does: "See the project's dashboard and Supabase's status page: nobody but they can look at it." }],
    };
  }
  /** @type {Check} */
  const runs = {
    does: "On its machine: does it run, and what did it say last? “server login failed” or “DNS lookup failed”: its password or host for the server is wrong.",
    command: `systemctl status ${kind} --no-pager -n 20`,
  };
  if (kind !== "pgbouncer")
    return { what, checks: [runs, { does: "Is the server itself well? See the target's page." }] };
  const show = {
    does: "At its console: is a database paused or disabled?",
    command: onConsole(address, "SHOW DATABASES;"),
  };
  if (!isPaused) {
    const pools = { does: "Which pools have clients that wait?", command: onConsole(address, "SHOW POOLS;") };
    return { what, checks: [runs, show, pools] };
  }
  const name = pool.split("/")[0] || target || "";
  const resume = `RESUME ${/^\w+$/.test(name) ? name : "DATABASE"};`;
  return {
    what,
    checks: [
      { does: "Was that on purpose, for a migration? Then wait for who did it." },
      show,
      {
        does: "If not: let clients through again, by the name that stands there (ENABLE where it is disabled).",
        command: onConsole(address, resume),
      },
    ],
  };
}

/**
 * What to check when nobody is let in; null for an incident of another kind.
 * @param {Alert} alert
 * @param {import("../types.d.ts").Sample} [sample] of its target
 * @returns {Checks | null}
 */
export function checksOf(alert, sample) {
  const cause = alert.evidence.cause ?? "";
  const { rule, server } = alert;
  if (rule === "pooler_down") {
    const { address } = poolerOf(alert.evidence);
    return pooler(alert, sample?.poolers.find(({ name }) => name === address)?.kind ?? "pgbouncer");
  }
  if (!AWAY.has(rule)) return null;
  const at = place(server);
  return (
    (CAUSES[SAME[cause] ?? cause] ?? (rule === "database_unresponsive" ? CAUSES.unresponsive : unknown))?.(at) ?? null
  );
}
