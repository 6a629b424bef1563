// Orders: the workflow, a service that its nodes use, and the controller that starts it.
import { RabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { Body, Controller, Get, HttpCode, Inject, Injectable, Module, Param, Post } from '@nestjs/common'
import { createFlow } from 'flowcraft'

export interface Order {
  id: string
  amount: number
}

/** A service of the application, as nodes find it in their dependencies. */
@Injectable()
export class Bank {
  readonly charges: Order[] = []

  async charge(order: Order): Promise<string> {
    this.charges.push(order)
    return `payment-${order.id}`
  }
}

@Module({ providers: [Bank], exports: [Bank] })
export class BankModule {}

export const order = createFlow<{ order: Order }, { bank: Bank }>('order')
  .node('charge', async ({ context, dependencies }) => {
    const given = await context.get('order')
    if (!given) throw new Error('There is no order')
    return { output: await dependencies.bank.charge(given) }
  })
  .wait('approval')
  .node('ship', async () => ({ output: 'shipped' }))
  .edge('charge', 'approval')
  .edge('approval', 'ship')

@Controller('orders')
export class OrdersController {
  constructor(@Inject(RabbitMqClient) private readonly runs: RabbitMqClient) {}

  @Post()
  async start(@Body() order: Order) {
    const { runId, outcome } = await this.runs.start('order', {
      runId: order.id,
      context: { order },
      onConflict: 'use-existing',
    })
    return { id: runId, outcome }
  }

  @Get(':id')
  async describe(@Param('id') id: string) {
    return this.runs.run(id).describe()
  }

  @Post(':id/approve')
  @HttpCode(200)
  async approve(@Param('id') id: string, @Body() output: { by: string }) {
    return [...(await this.runs.run(id).resume({ nodeId: 'approval', output }))]
  }
}
