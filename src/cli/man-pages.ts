export function manPages(): Map<string, string> {
  return new Map();
}
