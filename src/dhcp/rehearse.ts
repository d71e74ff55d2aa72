// An exchange without a network: the questions of firmware and iPXE, passed to the server's own decision, and its answers. Pure.
import { macToBytes } from '../wire/mac.ts';
import type { Answer, Arrival } from './answer.ts';
import { encapsulate, getOption, MESSAGE, OPTIONS, type Options, setOption } from './options.ts';
import { BOOTREQUEST, BROADCAST_FLAG, decode, ETHERNET, encode, NO_ADDRESS, type Packet } from './packet.ts';
import { type Request, readRequest } from './request.ts';

/** Who asks: a firmware, or the iPXE that it loaded. */
export interface Asker {
  mac: string;
  kind: 'firmware' | 'ipxe';
  /** IANA "Processor Architecture Types" (RFC 4578 §2.1, RFC 5970 §3.3): 0, 6, 7, 11, 16, 19. */
  architecture: number;
  /** The relay agent that forwards it. */
  relay?: string | undefined;
}

/** One message and the answer to it. */
export interface Said {
  /** `DISCOVER`, `REQUEST`; with the port if that is not the server's own. */
  question: string;
  answer: Answer;
  /** The reply as on the wire: without options that do not fit. */
  reply?: Packet;
}

/** The server's decision, for the port that a message comes to. */
export type Decide = (request: Request, arrival: Arrival, port: 'server' | 'boot') => Answer;

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** The requested options of each, in its order: edk2's PXE and HTTP boot and iPXE as captured, the BIOS as Intel's boot agent. */
const PARAMETERS = {
  bios: [1, 2, 3, 5, 6, 11, 12, 13, 15, 16, 17, 18, 43, 54, 60, 67, ...range(128, 135)],
  efi: [
    ...range(1, 6),
    12,
    13,
    15,
    17,
    18,
    22,
    23,
    28,
    ...range(40, 43),
    50,
    51,
    54,
    ...[58, 59, 60, 66, 67, 97],
    ...range(128, 135),
  ],
  http: [...range(1, 6), 12, 13, 15, 17, 18, 22, 23, 28, ...range(40, 43), 50, 51, 54, 58, 59, 60, 235, 67, 97],
  ipxe: [1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, ...range(128, 135), 175, 203],
} as const;

const isHttp = (architecture: number): boolean => architecture >= 15 && architecture <= 20;

/** Returns the whole exchange of one asker, as far as it goes. @param proxied next to another server, which gives `address` */
export function converse(asker: Asker, decide: Decide, arrival: Arrival, proxied?: { address: string }): Said[] {
  const said = [say('DISCOVER', message(asker, MESSAGE.discover), decide, arrival)];
  const offer = said[0]?.reply;
  if (proxied) {
    const request = message(asker, MESSAGE.request);
    setOption(request.options, OPTIONS.requestedAddress, proxied.address);
    said.push(say('REQUEST to the other server', request, decide, arrival));
    // edk2 asks the boot server, whatever the offer says; a BIOS and iPXE take the file from the offer.
    if (asker.kind === 'firmware' && asker.architecture !== 0 && !isHttp(asker.architecture))
      said.push(
        say('REQUEST to port 4011', message(asker, MESSAGE.request), decide, { ...arrival, broadcast: false }, 'boot'),
      );
    return said;
  }
  if (!offer) return said;
  const request = message(asker, MESSAGE.request);
  const server = getOption(offer.options, OPTIONS.serverIdentifier);
  if (server !== undefined) setOption(request.options, OPTIONS.serverIdentifier, server);
  setOption(request.options, OPTIONS.requestedAddress, offer.yiaddr);
  said.push(say('REQUEST', request, decide, arrival));
  return said;
}

/** Through the encoder and the decoder both ways, as on the wire. */
function say(
  question: string,
  packet: Packet,
  decide: Decide,
  arrival: Arrival,
  port: 'server' | 'boot' = 'server',
): Said {
  const request = readRequest(decode(encode(packet, 1472)));
  const answer = decide(request, arrival, port);
  return { question, answer, ...('reply' in answer && { reply: decode(encode(answer.reply, request.sizeLimit)) }) };
}

/** A message as the asker sends it. */
export function message({ mac, kind, architecture, relay }: Asker, type: number): Packet {
  const options: Options = new Map();
  setOption(options, OPTIONS.messageType, type);
  setOption(options, OPTIONS.maximumSize, 1472);
  setOption(options, OPTIONS.parameterList, Buffer.from(parametersOf(kind, architecture)));
  // RFC 4578 §2.3: type 0 and sixteen bytes; the machine is unknown here
  setOption(options, OPTIONS.machineIdentifier, Buffer.alloc(17));
  setOption(options, OPTIONS.architecture, [architecture]);
  const client = isHttp(architecture) ? 'HTTPClient' : 'PXEClient';
  setOption(options, OPTIONS.vendorClass, `${client}:Arch:${String(architecture).padStart(5, '0')}:UNDI:003000`);
  const bytes = macToBytes(mac);
  if (kind === 'ipxe') {
    setOption(options, OPTIONS.userClass, Buffer.from('iPXE'));
    setOption(options, OPTIONS.ipxe, encapsulate([[19, Buffer.of(1)]]));
    setOption(options, OPTIONS.clientIdentifier, Buffer.concat([Buffer.of(ETHERNET), bytes]));
  }
  return {
    op: BOOTREQUEST,
    htype: ETHERNET,
    hlen: 6,
    hops: relay === undefined ? 0 : 1,
    xid: 0,
    secs: 0,
    flags: kind === 'firmware' ? BROADCAST_FLAG : 0,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: relay ?? NO_ADDRESS,
    chaddr: Buffer.concat([bytes, Buffer.alloc(10)]),
    sname: '',
    file: '',
    options,
  };
}

function parametersOf(kind: Asker['kind'], architecture: number): readonly number[] {
  if (kind === 'ipxe') return PARAMETERS.ipxe;
  if (architecture === 0) return PARAMETERS.bios;
  return isHttp(architecture) ? PARAMETERS.http : PARAMETERS.efi;
}
