-- The seven tables in their plain shape. Migrations go on top (postgres/migrations, `tonypi db
-- upgrade`); this file is the first of them, so that a database made by PostgreSQL's own init
-- folder and one migrated from nothing are the same. Everything is IF NOT EXISTS: an older fleet's
-- database already has these tables and keeps them. All times are timestamptz.

CREATE TABLE IF NOT EXISTS users (
    id            varchar(36) PRIMARY KEY,
    username      varchar(50) NOT NULL UNIQUE,
    email         varchar(100) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL,
    role          varchar(20) DEFAULT 'viewer',
    is_active     boolean DEFAULT true,
    created_at    timestamptz DEFAULT now(),
    updated_at    timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_users_username ON users (username);
CREATE INDEX IF NOT EXISTS ix_users_email ON users (email);
CREATE INDEX IF NOT EXISTS ix_users_role ON users (role);

CREATE TABLE IF NOT EXISTS robots (
    id                         serial PRIMARY KEY,
    robot_id                   varchar(50) NOT NULL UNIQUE,
    name                       varchar(100),
    description                text,
    location                   jsonb,
    status                     varchar(20) DEFAULT 'offline',
    ip_address                 varchar(45),
    camera_url                 varchar(255),
    battery_threshold_low      double precision DEFAULT 20,
    battery_threshold_critical double precision DEFAULT 10,
    temp_threshold_warning     double precision DEFAULT 70,
    temp_threshold_critical    double precision DEFAULT 80,
    settings                   jsonb,
    last_seen                  timestamptz,
    created_at                 timestamptz DEFAULT now(),
    updated_at                 timestamptz DEFAULT now(),
    is_active                  boolean DEFAULT true
);
CREATE INDEX IF NOT EXISTS ix_robots_robot_id ON robots (robot_id);
CREATE INDEX IF NOT EXISTS ix_robots_status ON robots (status);
CREATE INDEX IF NOT EXISTS ix_robots_is_active ON robots (is_active);

CREATE TABLE IF NOT EXISTS jobs (
    id               serial PRIMARY KEY,
    robot_id         varchar(50) NOT NULL,
    start_time       timestamptz NOT NULL,
    end_time         timestamptz,
    items_total      integer,
    items_done       integer DEFAULT 0,
    percent_complete double precision DEFAULT 0,
    last_item        jsonb,
    status           varchar(20) DEFAULT 'active',
    created_at       timestamptz DEFAULT now(),
    updated_at       timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_jobs_robot_id ON jobs (robot_id);
CREATE INDEX IF NOT EXISTS ix_jobs_status ON jobs (status);
CREATE INDEX IF NOT EXISTS ix_jobs_start_time ON jobs (start_time);
CREATE INDEX IF NOT EXISTS ix_jobs_created_at ON jobs (created_at);

CREATE TABLE IF NOT EXISTS alerts (
    id              serial PRIMARY KEY,
    robot_id        varchar(50),
    alert_type      varchar(50) NOT NULL,
    severity        varchar(20) NOT NULL,
    title           varchar(200) NOT NULL,
    message         text,
    source          varchar(100),
    value           double precision,
    threshold       double precision,
    acknowledged    boolean DEFAULT false,
    acknowledged_by varchar(50),
    acknowledged_at timestamptz,
    resolved        boolean DEFAULT false,
    resolved_at     timestamptz,
    details         jsonb,
    created_at      timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_alerts_robot_id ON alerts (robot_id);
CREATE INDEX IF NOT EXISTS ix_alerts_alert_type ON alerts (alert_type);
CREATE INDEX IF NOT EXISTS ix_alerts_severity ON alerts (severity);
CREATE INDEX IF NOT EXISTS ix_alerts_acknowledged ON alerts (acknowledged);
CREATE INDEX IF NOT EXISTS ix_alerts_resolved ON alerts (resolved);
CREATE INDEX IF NOT EXISTS ix_alerts_created_at ON alerts (created_at);

CREATE TABLE IF NOT EXISTS alert_thresholds (
    id                 serial PRIMARY KEY,
    robot_id           varchar(50),
    metric_type        varchar(50) NOT NULL,
    warning_threshold  double precision,
    critical_threshold double precision,
    enabled            boolean DEFAULT true,
    created_at         timestamptz DEFAULT now(),
    updated_at         timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_alert_thresholds_robot_id ON alert_thresholds (robot_id);
CREATE INDEX IF NOT EXISTS ix_alert_thresholds_metric_type ON alert_thresholds (metric_type);

CREATE TABLE IF NOT EXISTS reports (
    id          serial PRIMARY KEY,
    title       varchar(200) NOT NULL,
    description text,
    robot_id    varchar(50),
    report_type varchar(50) NOT NULL,
    data        jsonb,
    file_path   varchar(500),
    created_at  timestamptz DEFAULT now(),
    created_by  varchar(100)
);
CREATE INDEX IF NOT EXISTS ix_reports_robot_id ON reports (robot_id);
CREATE INDEX IF NOT EXISTS ix_reports_report_type ON reports (report_type);
CREATE INDEX IF NOT EXISTS ix_reports_created_at ON reports (created_at);
CREATE INDEX IF NOT EXISTS ix_reports_title ON reports (title);

CREATE TABLE IF NOT EXISTS system_logs (
    id        serial PRIMARY KEY,
    level     varchar(20) NOT NULL,
    category  varchar(50) NOT NULL,
    message   text NOT NULL,
    robot_id  varchar(50),
    details   jsonb,
    timestamp timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ix_system_logs_level ON system_logs (level);
CREATE INDEX IF NOT EXISTS ix_system_logs_category ON system_logs (category);
CREATE INDEX IF NOT EXISTS ix_system_logs_robot_id ON system_logs (robot_id);
CREATE INDEX IF NOT EXISTS ix_system_logs_timestamp ON system_logs (timestamp);
