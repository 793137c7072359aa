// What this browser remembers between visits. Private windows may refuse; then nothing is.

export function recall(name: string): string {
  try {
    return localStorage.getItem('swarmgate.' + name) || '';
  } catch {
    return '';
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem('swarmgate.' + name, value);
  } catch {
    // Forgotten with the page.
  }
}
