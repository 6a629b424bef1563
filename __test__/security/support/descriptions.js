// Every way to describe a connection with a password, and every way to get a description wrong.
import { Redis } from 'ioredis'
import pg from 'pg'
import { PASSWORD } from './secret.js'

const encoded = encodeURIComponent(PASSWORD)
const quoted = `'${PASSWORD.replace(/['\\]/g, '\\$&')}'`
const fail = () => {
  throw new Error(`the vault did not give ${PASSWORD}`, { cause: { password: PASSWORD } })
}

/** By server, then by way: the description for a host and port; `more` is a wrong virtual host or database. */
export const descriptions = {
  amqp: {
    'a URL': (host, port, more = '') => `amqp://guest:${encoded}@${host}:${port}/${more}`,
    'several URLs': (host, port, more = '') => Array(2).fill(`amqp://guest:${encoded}@${host}:${port}/${more}`),
    fields: (hostname, port, vhost = '/') => ({ hostname, port, username: 'guest', password: PASSWORD, vhost }),
    'a URL with the password in its query': (host, port, more = '') =>
      `amqp://${host}:${port}/${more}?password=${encoded}&user=x`,
  },
  database: {
    'a URL': (host, port, more = 'db') => `postgres://user:${encoded}@${host}:${port}/${more}`,
    'a URL with the password in its query': (host, port) => `postgres://user@${host}:${port}/db?password=${encoded}`,
    'key=value pairs': (host, port) => `host=${host} port=${port} user=user password=${quoted}`,
    'a config': (host, port, database) => ({ host, port, user: 'user', password: PASSWORD, database }),
    'a config with a URL': (host, port) => ({ connectionString: `postgres://user:${encoded}@${host}:${port}/db` }),
    'a password function': (host, port) => ({ host, port, user: 'user', password: async () => PASSWORD }),
    'a password function that throws': (host, port) => ({ host, port, user: 'user', password: fail }),
    'a password function that rejects': (host, port) => ({ host, port, user: 'user', password: async () => fail() }),
    'a live Client': (host, port) => new pg.Client({ host, port, user: 'user', password: PASSWORD }),
    'a live Pool': (host, port) => new pg.Pool({ host, port, user: 'user', password: PASSWORD }),
    'a live Pool of a URL': (host, port) =>
      new pg.Pool({ connectionString: `postgres://user:${encoded}@${host}:${port}/db` }),
  },
  redis: {
    'a URL': (host, port, more = '0') => `redis://:${encoded}@${host}:${port}/${more}`,
    'a URL with a user': (host, port) => `redis://user:${encoded}@${host}:${port}`,
    fields: (host, port, db = 0) => ({ host, port, password: PASSWORD, db }),
    'fields with a user': (host, port) => ({ host, port, username: 'user', password: PASSWORD }),
    'a live ioredis': (host, port) => new Redis({ host, port, password: PASSWORD, lazyConnect: true }),
    'a live ioredis of a URL': (host, port) => new Redis(`redis://:${encoded}@${host}:${port}`, { lazyConnect: true }),
  },
}

/** The same, over TLS. */
export const encrypted = {
  amqp: (port) => `amqps://guest:${encoded}@127.0.0.1:${port}`,
  database: (port) => `postgres://user:${encoded}@127.0.0.1:${port}/db?sslmode=require`,
  redis: (port) => `rediss://:${encoded}@127.0.0.1:${port}`,
}

/** URLs with something wrong in every place; the password as it should be encoded, and as it is. */
function malformed(scheme) {
  const urls = [encoded, PASSWORD].flatMap((password) => [
    `${scheme}://user:${password}@127.0.0.1:port/x`,
    `${scheme}://user:${password}@127.0.0.1:99999/x`,
    `${scheme}://user:${password}@127.0.0.1:1:1/x`,
    `${scheme}://user:${password}@[::1/x`,
    `${scheme}://user:${password}@ho st/x`,
    `${scheme}://user:${password}@`,
    `${scheme}://user:${password}`,
    `${scheme}:user:${password}@127.0.0.1/x`,
    `${scheme}//user:${password}@127.0.0.1/x`,
    `http://user:${password}@127.0.0.1/x`,
    `user:${password}@127.0.0.1`,
    `${scheme}://user:${password}@127.0.0.1:1/x?heartbeat=${password}&connect_timeout=${password}`,
    `${scheme}://user:1/${password}@127.0.0.1:1/${password}#${password}`,
  ])
  return Object.fromEntries(urls.map((url, index) => [`malformed URL ${index + 1}`, () => url]))
}

const brokenKey = `-----BEGIN PRIVATE KEY-----${PASSWORD}`
const brokenTls = (name) => Object.fromEntries([['cert', brokenKey]].concat([[name, brokenKey]]))

/** Descriptions that cannot work at all. */
export const mistakes = {
  amqp: {
    ...malformed('amqp'),
    ...malformed('amqps'),
    'no host': () => ({ username: 'u', password: PASSWORD }),
    'one bad URL of two': () => ['amqp://127.0.0.1:1', `amqp://u:${PASSWORD}@h:port`],
    'a key on one line': () => ({ url: 'amqps://127.0.0.1:1', ...brokenTls('key') }),
    'a password that is none': () => ({ hostname: '127.0.0.1', port: 1, password: { value: PASSWORD } }),
  },
  database: {
    ...malformed('postgres'),
    'a bad pair': () => `host=127.0.0.1 port=x password=${quoted}`,
    'a pair without its end': () => `host=127.0.0.1 port=1 password='${PASSWORD}`,
    'a live Pool of a malformed URL': () => new pg.Pool({ connectionString: `postgres://u:${PASSWORD}@h:port/db` }),
    'a socket with a login as it is': () => `socket://u:${PASSWORD}@/folder?db=d`,
    'a number that is none': () => ({ host: '127.0.0.1', port: 1, max: PASSWORD }),
    'a password that is none': () => ({ host: '127.0.0.1', port: 1, password: { value: PASSWORD } }),
    'a key on one line': () => ({ host: '127.0.0.1', port: 1, ssl: brokenTls('key') }),
    'a certificate on one line': () => ({ host: '127.0.0.1', port: 1, ssl: { ca: brokenKey } }),
  },
  redis: {
    ...malformed('redis'),
    ...malformed('rediss'),
    'a number that is none': () => ({ host: '127.0.0.1', port: 1, db: PASSWORD }),
    'a password that is none': () => ({ host: '127.0.0.1', port: 1, password: { value: PASSWORD } }),
    'a key on one line': () => ({ host: '127.0.0.1', port: 1, tls: brokenTls('key') }),
  },
}
