// Files of this page that are fetched when they are needed.

export const loadScript = (src: string): Promise<void> => insert(Object.assign(document.createElement('script'), { src }));

export const loadStyle = (href: string): Promise<void> => insert(Object.assign(document.createElement('link'), { rel: 'stylesheet', href }));

/** Resolves when the file has come. One that did not may be asked for again. */
function insert(element: HTMLElement): Promise<void> {
  return new Promise((resolve, reject) => {
    element.onload = () => resolve();
    element.onerror = () => {
      element.remove();
      reject(new Error('a file of this page did not come'));
    };
    document.head.appendChild(element);
  });
}
