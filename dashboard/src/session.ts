/** Who looks at the page, and what they may do. */
import { createContext, useContext } from 'react'
import type { DashboardRole, Session } from './api.js'

export const SessionContext = createContext<Session>({
  role: 'look',
  readOnly: true,
  version: '',
  blueprints: [],
  queues: [],
})

const ORDER: readonly DashboardRole[] = ['look', 'operate', 'administer']

/** Whether they may do what needs a role. The server decides; here only what cannot be done is left out. */
export function useMay(): (needed: DashboardRole) => boolean {
  const { role, readOnly } = useContext(SessionContext)
  return (needed) => !readOnly && ORDER.indexOf(role) >= ORDER.indexOf(needed)
}

export function useSession(): Session {
  return useContext(SessionContext)
}
