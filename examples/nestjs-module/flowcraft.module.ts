// A NestJS module: RabbitMqClient can be injected everywhere, and a worker starts and stops with the application.
import { RabbitMqAdapter, type RabbitMqAdapterOptions, RabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'

/** How the module is made: `useFactory` answers with the adapter's options, and may ask for services of yours. */
export interface FlowcraftModuleOptions {
  imports?: ModuleMetadata['imports']
  inject?: FactoryProvider['inject']
  useFactory: (...services: never[]) => RabbitMqAdapterOptions | Promise<RabbitMqAdapterOptions>
  /** Whether this process works runs too. Default: `true`. */
  works?: boolean
}

const WORKS = Symbol('whether this process works runs')

@Module({})
export class FlowcraftModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(RabbitMqAdapter) private readonly adapter: RabbitMqAdapter,
    @Inject(WORKS) private readonly works: boolean,
  ) {}

  static forRootAsync({ imports = [], inject = [], useFactory, works = true }: FlowcraftModuleOptions): DynamicModule {
    const options = useFactory as (...services: unknown[]) => RabbitMqAdapterOptions | Promise<RabbitMqAdapterOptions>
    return {
      module: FlowcraftModule,
      global: true,
      imports,
      providers: [
        { provide: WORKS, useValue: works },
        {
          provide: RabbitMqAdapter,
          inject,
          useFactory: async (...services: unknown[]) => new RabbitMqAdapter(await options(...services)),
        },
        { provide: RabbitMqClient, inject: [RabbitMqAdapter], useFactory: ({ client }: RabbitMqAdapter) => client },
      ],
      exports: [RabbitMqAdapter, RabbitMqClient],
    }
  }

  onApplicationBootstrap(): void {
    if (this.works) this.adapter.start()
  }

  /** Lets nodes in flight finish. NestJS calls it at `SIGTERM` if `app.enableShutdownHooks()` was called. */
  async onApplicationShutdown(): Promise<void> {
    await this.adapter.stop()
  }
}
