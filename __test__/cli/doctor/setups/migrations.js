// Steps of migrate that are missing, or half made.
export const MIGRATIONS = [
  {
    what: 'no step of migrate is done',
    break: (world) => world.run('migrate down --yes'),
    check: 'postgres.migrations',
    level: 'note',
    found: /^(\d+) of \1 steps of migrate are not done: 1 \(journal\)/,
    todo: /^flowcraft-rabbitmq migrate up/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
  {
    what: 'migrate was left half done: its last steps are missing',
    break: (world) => world.sql('DROP TABLE $c_paused CASCADE'),
    check: 'postgres.migrations',
    level: 'note',
    found: /^1 of \d+ steps of migrate (is|are) not done: 8 /,
    todo: /^flowcraft-rabbitmq migrate up/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
  {
    what: 'an index was left half made',
    break: (world) =>
      world.sql(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '$n.statuses_open'::regclass`),
    check: 'postgres.migrations',
    level: 'note',
    found: /the index .*statuses_open was left half made/,
    todo: /^flowcraft-rabbitmq migrate up$/,
    mend: (world, finding) => world.obeyCommand(finding),
  },
]
