// The shapes of the API that the page reads; openapi.json has them with their meaning.
export type Status = "healthy" | "degraded" | "unhealthy" | "unknown";
export type Severity = "low" | "medium" | "high" | "critical";
export type Known = number | null;

export interface Holders {
  application: string;
  user: string;
  connections: number;
  idleInTransaction: number;
}
export interface EvidenceSession {
  pid: number;
  user: string;
  application: string;
  state: string;
  wait: string | null;
  queryId: string | null;
  ageMs: Known;
  blocks: number;
}
export interface EvidenceQuery {
  queryId: string;
  text: string | null;
  calls: number;
  meanMs: number;
  share: number;
}
export interface Evidence {
  cause?: string | null;
  detail?: string | null;
  attempts?: number | null;
  pooler?: string | null;
  sessions?: EvidenceSession[];
  holders?: Holders[];
  queries?: EvidenceQuery[];
}
export interface Reason {
  rule: string;
  severity: Severity;
  value: Known;
  threshold: Known;
  since: string;
  message: string;
  evidence: Evidence;
}
export interface Pool {
  database: string;
  user: string;
  mode: string;
  size: Known;
  clientsActive: Known;
  clientsWaiting: Known;
  serversActive: Known;
  serversIdle: Known;
  serversOther: Known;
  maxWaitTime: Known;
  paused: boolean;
}
export interface Phases {
  dns: Known;
  tcp: Known;
  tls: Known;
  auth: Known;
  firstQuery: Known;
}
export interface Missing {
  field: string;
  cause: string;
  fix: string | null;
}
export interface Sample {
  timestamp: string;
  region: string;
  target: string;
  status: Status;
  reasons: Reason[];
  connectionPool: {
    totalConnections: Known;
    activeConnections: Known;
    idleConnections: Known;
    idleInTransaction: Known;
    waitingClients: Known;
    averageWaitTime: Known;
    maxWaitTime: Known;
    utilization: Known;
    poolSize: Known;
  };
  queryPerformance: {
    averageQueryTime: Known;
    slowQueries: Known;
    totalQueries: Known;
    errorRate: Known;
    slowQueryRate: Known;
    queriesPerSecond: Known;
    averageActiveSessions: Known;
  };
  database: {
    size: Known;
    sizeBytes: Known;
    activeConnections: Known;
    maxConnections: Known;
    cacheHitRatio: Known;
    growthPerDay: Known;
  };
  poolers: { kind: string; name: string; up: boolean | null; outcome: string | null; pools: Pool[] }[];
  reachability: {
    outcome: string | null;
    failedPhase: string | null;
    message: string | null;
    checkedAt: string | null;
    phases: Phases;
    viaPooler: { outcome: string; acquire: Known; message: string | null; checkedAt: string } | null;
    views?: { from: string; outcome: string; message: string | null; checkedAt: string; phases: Phases }[];
    verdict?: { kind: string; message: string } | null;
  };
  probe: {
    impact: Known;
    intervalMs: number;
    connections: number;
    serverVersion: string | null;
    throttled: string | null;
    missing: Missing[];
  };
}

export type AlertState = "pending" | "firing" | "acknowledged" | "recovering" | "resolved";
export interface Delivery {
  key: string;
  channel: string;
  recipient: string | null;
  event: string;
  state: string;
  queuedAt: string;
  sentAt: string | null;
  attempts: number;
  answer: string | null;
  inDigest: boolean;
  possibleRepeat: boolean;
}
export interface Alert {
  id: string;
  type: string;
  severity: Severity;
  message: string;
  timestamp: string;
  resolved: boolean;
  rule: string;
  region: string;
  target: string | null;
  server: string | null;
  state: AlertState;
  startedAt: string;
  resolvedAt: string | null;
  acknowledgedBy: string | null;
  acknowledgementNote: string | null;
  acknowledgedUntil: string | null;
  value: Known;
  threshold: Known;
  evidence: Evidence;
  suppressedBy: string | null;
  affects: string[];
  flaps: number;
  flapping: boolean;
  deliveries: Delivery[];
  runbook: string;
  chart: { figure: string; unit: string; points: [number, Known][] };
}
export interface AlertStep {
  at: string;
  what: string;
  text: string;
}
export interface Silence {
  id: string;
  kind: "api" | "silence" | "maintenance";
  matchers: Record<string, string>;
  startsAt: string | null;
  endsAt: string | null;
  schedule: string | null;
  by: string;
  reason: string;
  active: boolean;
}

export interface RegionView {
  region: string;
  status: Status;
  reasons: Reason[];
  heardAt: string | null;
  targets: { total: number; healthy: number; degraded: number; unhealthy: number; unknown: number };
  nodes: { node: string; heardAt: string; targets: number }[];
  latency: Known;
  trouble: string | null;
  cutOff: boolean;
  location?: { latitude: number; longitude: number; place: string } | null;
  leader?: string | null;
}

export interface States {
  total: number;
  active: number;
  idle: number;
  idleInTransaction: number;
  hidden: number;
}
export interface Session {
  pid: number;
  user: string;
  application: string;
  state: string;
  waitEventType: string | null;
  waitEvent: string | null;
  queryId: string | null;
  transactionMs: Known;
  queryMs: Known;
  stateMs: Known;
  blockedBy: number[];
}
export interface Activity {
  server: {
    clientBackends: number;
    maxConnections: number;
    reservedConnections: number;
    version: string;
    inRecovery: boolean;
  };
  states: States;
  averageActiveSessions: number;
  waits: { waitEventType: string; waitEvent: string; sessions: number }[];
  running: { queryId: string | null; sessions: number }[];
  holders: { application: string; user: string; states: States; oldestTransactionMs: Known }[];
  sessions: Session[];
  sessionsLeftOut: number;
  blocked: number;
  longestBlockedMs: Known;
  oldestTransactionMs: Known;
  oldestIdleInTransactionMs: Known;
}
export interface Statement {
  queryId: string;
  user: string;
  text: string | null;
  calls: number;
  meanMs: number;
  stddevMs: Known;
  totalMs: number;
  share: number;
  rows: number;
  cacheHitRatio: Known;
  slow: boolean;
  callsTotal: number;
}
export interface Queries {
  intervalMs: Known;
  takenAt: string | null;
  calls: number;
  slowCalls: number;
  totalMs: number;
  statements: Statement[];
}
export interface Regression {
  kind: string;
  queryId: string;
  user: string;
  since: string;
  share: number;
  beforeMeanMs: Known;
  afterMeanMs: Known;
  beforeCallsPerSecond: Known;
  afterCallsPerSecond: Known;
  sentence: string;
}
export interface Forecast {
  what: string;
  subject: string | null;
  runsOutAt: string | null;
  earliest: string | null;
  latest: string | null;
  sentence: string;
}
export interface Trends {
  sentence: string;
  lookedAt: string | null;
  growthPerDay: Known;
  forecasts: Forecast[];
  regressions: Regression[];
  changes: {
    metric: string;
    since: string;
    before: number;
    after: number;
    factor: Known;
    holds: boolean;
    sentence: string;
  }[];
  bands: {
    metric: string;
    low: number;
    middle: number;
    high: number;
    days: number;
    now: number;
    unusualSince: string | null;
  }[];
}
export interface Details extends Sample {
  critical: boolean;
  activity: Activity | null;
  queries: Queries | null;
  vitals: any;
  poolerDetails: any[];
}
export interface Prediction {
  meanWaitMs: Known;
  p95WaitMs: Known;
  utilization: Known;
  serverConnections: Known;
  low: Known;
  high: Known;
}
export interface Outcome {
  takenAt: string;
  to: number;
  predicted: Prediction | null;
  meanWaitMs: Known;
  utilization: Known;
  serviceBeforeMs: Known;
  serviceMs: Known;
  withinBounds: boolean | null;
  verdict: string | null;
}
export interface Recommendation {
  id: string;
  region: string;
  target: string;
  kind: string;
  subject: string;
  title: string;
  change: {
    setting: string;
    from: string | null;
    to: string | null;
    command: string | null;
    undo: string | null;
  } | null;
  evidence: { what: string; value: number; unit: string }[];
  predicted: Prediction | null;
  confidence: number;
  confidenceReason: string;
  caution: string | null;
  outcome: Outcome | null;
}
export interface Recommendations {
  recommendations: Recommendation[];
  unknown: { region: string; target: string; subject: string; cause: string }[];
  past: Recommendation[];
  score: { compared: number; withinBounds: number; asPredicted: number };
}
export interface Point {
  at: string;
  min: number;
  max: number;
  mean: number;
  last: number;
  count: number;
  percentiles?: { p50: number; p95: number; p99: number };
}
export interface Series {
  metric: string;
  unit: string;
  stepMs: number;
  resolution: string;
  points: Point[];
}
