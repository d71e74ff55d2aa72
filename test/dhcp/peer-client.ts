// The client of the npm package `dhcp`, an independent implementation: gets one lease, prints it as JSON, and ends.
import { createRequire } from 'node:module';

interface Client {
  on(
    event: 'bound',
    listener: (lease: { address: string; server: string; options: Record<string, unknown> }) => void,
  ): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'listening', listener: () => void): void;
  listen(): void;
  sendDiscover(): void;
  close(): void;
}

const { createClient } = createRequire(import.meta.url)('dhcp') as {
  createClient(options: { mac: string; features: string[] }): Client;
};
const client = createClient({ mac: process.argv[2] ?? '', features: ['hostname', 'broadcast'] });
client.on('error', error => process.stderr.write(`${error.message}\n`));
client.on('bound', lease => {
  process.stdout.write(JSON.stringify(lease));
  client.close();
});
client.on('listening', () => client.sendDiscover());
client.listen();
