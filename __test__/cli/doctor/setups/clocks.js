// Clocks that differ.
export const CLOCKS = [
  {
    what: 'the clock of this machine is two hours behind',
    break: (world) => {
      const shift = 'const now = Date.now; Date.now = () => now() - 7_200_000'
      world.node = ['--import', `data:text/javascript,${encodeURIComponent(shift)}`]
    },
    check: 'postgres.clock',
    found: /the clock of this machine is (2 h|1 h 59 m) behind that of PostgreSQL/,
    todo: /NTP/,
    mend: (world) => {
      world.node = []
    },
  },
  {
    what: 'the clock of this machine is two hours ahead',
    break: (world) => {
      const shift = 'const now = Date.now; Date.now = () => now() + 7_200_000'
      world.node = ['--import', `data:text/javascript,${encodeURIComponent(shift)}`]
    },
    check: 'postgres.clock',
    found: /the clock of this machine is (2 h|1 h 59 m) ahead of that of PostgreSQL/,
    todo: /NTP/,
    mend: (world) => {
      world.node = []
    },
  },
]
