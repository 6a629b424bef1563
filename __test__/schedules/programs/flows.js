// What the schedules of these tests start.
import { createFlow } from 'flowcraft'

export const ticking = createFlow('ticking').node('tick', async ({ context }) => ({
  output: `tick ${await context.get('who')}`,
}))
