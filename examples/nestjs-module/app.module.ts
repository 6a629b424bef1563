// The application: orders, over servers that the environment names, or over memory.
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { Module } from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import { RunErrors } from './errors.filter.js'
import { FlowcraftModule } from './flowcraft.module.js'
import { Bank, BankModule, OrdersController, order } from './orders.js'

const { AMQP_URL = 'memory:', DATABASE_URL = 'memory:', REDIS_URL = 'memory:' } = process.env

@Module({
  imports: [
    BankModule,
    FlowcraftModule.forRootAsync({
      imports: [BankModule],
      inject: [Bank],
      useFactory: (bank: Bank) => ({
        amqpConnection: AMQP_URL,
        pgClient: DATABASE_URL,
        coordinationStore: new RedisCoordinationStore(REDIS_URL),
        contextTableName: 'flowcraft_contexts',
        statusTableName: 'flowcraft_statuses',
        queueName: 'orders',
        runtimeOptions: {
          blueprints: { order: order.toBlueprint() },
          registry: Object.fromEntries(order.getFunctionRegistry()),
          dependencies: { bank },
        },
      }),
    }),
  ],
  controllers: [OrdersController],
  providers: [{ provide: APP_FILTER, useClass: RunErrors }],
})
export class AppModule {}
