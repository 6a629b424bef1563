/** No server can be had on this machine: there are no programs, none may be installed, or they do not start. */
export class NoServersError extends Error {}
