// Tables that are missing, or are not as the adapter needs them.
export const TABLES = [
  {
    what: 'there is no context table',
    works: false,
    break: (world) => world.sql('DROP TABLE $c CASCADE'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.contexts' does not exist/,
    todo: /^CREATE TABLE world_\d+\.contexts \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'there is not even the schema of the tables',
    works: false,
    break: (world) => world.sql('DROP SCHEMA $n CASCADE'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.contexts' does not exist$/,
    todo: /^CREATE SCHEMA "world_\d+";\nCREATE TABLE world_\d+\.contexts \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      const { findings } = await world.doctor()
      await world.obeySql(findings.find(({ check }) => check === 'postgres.tables'))
      await world.worker()
    },
  },
  {
    what: 'there is no status table',
    works: false,
    break: (world) => world.sql('DROP TABLE $s'),
    check: 'postgres.tables',
    found: /the table 'world_\d+\.statuses' does not exist/,
    todo: /^CREATE TABLE world_\d+\.statuses \(.*\);$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'a column is missing',
    works: false,
    break: (world) => world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT PRIMARY KEY)'),
    check: 'postgres.tables',
    found: /has no column 'context_data'/,
    todo: /^ALTER TABLE world_\d+\.contexts ADD COLUMN context_data JSONB NOT NULL DEFAULT '\{\}';$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'a column is of another type',
    works: false,
    break: (world) =>
      world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT PRIMARY KEY, context_data JSON NOT NULL)'),
    check: 'postgres.tables',
    found: /context_data.*json/,
    todo: /^ALTER TABLE world_\d+\.contexts ALTER COLUMN context_data TYPE jsonb USING .*;$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'the status column is too short',
    works: false,
    break: (world) => world.sql("ALTER TABLE $s ALTER COLUMN status TYPE VARCHAR(5) USING 'x'"),
    check: 'postgres.tables',
    found: /status.*varying\(5\)/,
    todo: /TYPE text USING status::text::text;$/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'nothing keeps two rows of a run apart',
    works: false,
    break: (world) =>
      world.sql('DROP TABLE $c CASCADE; CREATE TABLE $c (run_id TEXT NOT NULL, context_data JSONB NOT NULL)'),
    check: 'postgres.tables',
    found: /no unique index of 'run_id'/,
    todo: /ADD PRIMARY KEY \(run_id\);/,
    mend: async (world, finding) => {
      await world.obeySql(finding)
      await world.worker()
    },
  },
  {
    what: 'new status rows owe a value that only a client knows',
    break: (world) =>
      world.sql('ALTER TABLE $s ADD COLUMN tenant INT; ALTER TABLE $s ALTER COLUMN tenant SET NOT NULL'),
    check: 'postgres.tables',
    level: 'note',
    found: /has to say 'tenant'/,
    todo: /^$/,
    mend: (world) => world.sql('ALTER TABLE $s ALTER COLUMN tenant SET DEFAULT 1'),
  },
]
