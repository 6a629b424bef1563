CREATE TABLE flowcraft_contexts (
  run_id TEXT PRIMARY KEY,
  context_data JSONB NOT NULL
);
CREATE TABLE flowcraft_statuses (
  run_id TEXT PRIMARY KEY,
  status TEXT,
  status_data JSONB,
  updated_at TIMESTAMPTZ DEFAULT NOW()
);
