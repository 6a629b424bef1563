// The order of the pages, as a reader meets them.
const page = (text, link) => ({ text, link: `/${link}` })
const docs = (text, name) => page(text, `docs/${name}`)

export const navigation = [
  {
    text: 'Begin',
    items: [
      page('What it is', 'README'),
      docs('Documentation', 'index'),
      docs('Getting started', 'getting-started'),
      docs('Concepts', 'concepts'),
    ],
  },
  {
    text: 'Guides',
    items: [
      docs('Start and watch', 'client'),
      docs('Schedules', 'schedules'),
      docs('Pause and approve', 'pauses'),
      docs('Child runs', 'child-runs'),
      docs('In a node', 'in-a-node'),
      docs('Limits', 'limits'),
      docs('Retries and failures', 'failures'),
      docs('Events', 'events'),
      docs('Long runs, large contexts', 'contexts'),
      docs('Testing', 'testing'),
      docs('Security', 'security'),
      docs('Encryption', 'encryption'),
      docs('Poolers, managed servers', 'managed-servers'),
    ],
  },
  {
    text: 'Operations',
    items: [
      docs('Day by day', 'operations'),
      docs('Pause', 'pausing'),
      docs('Dashboard', 'dashboard'),
      docs('History of executions', 'history'),
      docs('Observability', 'observability'),
      docs('Servers, tables, queues', 'servers'),
      docs('Sizing', 'sizing'),
      docs('Scaling', 'scaling'),
      docs('Backups and restore', 'backups'),
      docs('Disasters', 'disasters'),
      docs('Upgrades', 'upgrades'),
      docs('Migrations', 'migrations'),
    ],
  },
  {
    text: 'Moving here',
    items: [
      docs('From version 1', 'moving-from-version-1'),
      docs('From BullMQ', 'moving-from-bullmq'),
      docs('Differences from memory', 'differences-from-memory'),
    ],
  },
  {
    text: 'Reference',
    items: [
      docs('Options', 'options'),
      docs('API', 'api'),
      docs('Command line', 'cli'),
      docs('Errors', 'errors'),
      docs('Tables, messages, keys', 'storage'),
      page('Changelog', 'CHANGELOG'),
    ],
  },
  {
    text: 'Examples',
    collapsed: true,
    items: [
      page('All examples', 'examples/README'),
      ...[
        ['Order service', 'order-service'],
        ['Order fulfilment', 'order-fulfilment'],
        ['Human approval', 'human-approval'],
        ['Document pipeline', 'document-pipeline'],
        ['LLM agent', 'llm-agent'],
        ['Fastify', 'fastify-service'],
        ['Next.js', 'nextjs-app'],
        ['Nightly report', 'nightly-report'],
        ['In your transaction', 'in-your-transaction'],
        ['NestJS', 'nestjs-module'],
        ['Deployment', 'deployment'],
      ].map(([text, name]) => page(text, `examples/${name}/README`)),
    ],
  },
  {
    text: 'Inside',
    items: [
      docs('Architecture', 'architecture'),
      docs('Carried chains', 'carried-chains'),
      docs('Decisions', 'decisions'),
      page('Contributing', 'CONTRIBUTING'),
      page('Security policy', 'SECURITY'),
      page('Bench', 'bench/README'),
      page('Bench results', 'bench/RESULTS'),
    ],
  },
]
