/** @type {import('next').NextConfig} */
export default {
  // A native addon is found at run time, and no bundler can put it into a script. Both must see one copy of flowcraft.
  serverExternalPackages: ['@flowcraft/rabbitmq-adapter', 'flowcraft'],
}
