// The hardware address and the IP of a simulated node.

export function stormNode(index: number): { mac: string; ip: string } {
  return {
    mac: (0x525400000000 + index).toString(16).match(/../g)?.join(':') ?? '',
    ip: `10.54.${10 + Math.floor(index / 250)}.${1 + (index % 250)}`,
  };
}
