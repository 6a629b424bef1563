// The error codes of runs as those of HTTP.
import { FlowcraftAdapterError } from '@flowcraft/rabbitmq-adapter'
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common'

const STATUSES: Partial<Record<FlowcraftAdapterError['code'], number>> = {
  RUN_NOT_FOUND: 404,
  RUN_EXISTS: 409,
  NODE_NOT_AWAITING: 409,
  RUN_ENDED: 409,
}

interface Reply {
  status(code: number): { send(body: unknown): void }
}

@Catch(FlowcraftAdapterError)
export class RunErrors implements ExceptionFilter<FlowcraftAdapterError> {
  catch({ code, message, retryable }: FlowcraftAdapterError, host: ArgumentsHost): void {
    const status = STATUSES[code] ?? (retryable ? 503 : 500)
    host.switchToHttp().getResponse<Reply>().status(status).send({ error: message, code })
  }
}
