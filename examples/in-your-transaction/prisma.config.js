// Where Prisma finds its schema.
export default { schema: 'schema.prisma' }
