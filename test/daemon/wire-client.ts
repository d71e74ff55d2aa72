// A client on a wire, for tests that run it inside a network namespace: each line of standard input is a DHCP message as hex digits,
// sent from port 68 to everyone; each reply is printed the same way.
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const socket = createSocket('udp4');
socket.on('message', bytes => void process.stdout.write(`${bytes.toString('hex')}\n`));
await new Promise<void>(resolve => socket.bind(68, '0.0.0.0', resolve));
socket.setBroadcast(true);
process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) socket.send(Buffer.from(line, 'hex'), 67, '255.255.255.255');
socket.close();
