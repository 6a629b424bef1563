// Names that want to be something else: SQL, JSON paths, patterns, Redis commands, properties every object has.

/** Statements that would remove a table; `canary` is its name, quoted for SQL. */
export const statements = (canary) => [
  `'; DROP TABLE ${canary}; --`,
  `"; DROP TABLE ${canary}; --`,
  `x') ON CONFLICT DO NOTHING; DROP TABLE ${canary}; --`,
  `' || (SELECT count(*) FROM ${canary}) || '`,
  `\\'; DROP TABLE ${canary}; --`,
  `$$; DROP TABLE ${canary}; $$`,
]

/** Signs that mean something to somebody on the way. */
export const signs = [
  `it's`,
  `say "so"`,
  '$1',
  '$x',
  '{a,b}',
  '{"a":1}',
  'a.b.c',
  "a'->'b",
  '#>>{}',
  '?',
  '%s%',
  '*',
  '[a-z]',
  'back\\slash',
  'a:b',
  'a/b?c=d#e',
  ' spaced ',
  'line\r\nline',
  '*1\r\n$8\r\nFLUSHALL\r\n',
  '\u0001\u007f',
  'ünï→🦀',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toJSON',
  'null',
  '0',
  '-1',
]

/** An identifier, quoted for SQL. */
export const quoted = (name) => `"${name.replaceAll('"', '""')}"`
