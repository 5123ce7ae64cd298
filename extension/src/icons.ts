/** The drawings, in the colours of JupyterLab's theme. */
import { LabIcon } from '@jupyterlab/ui-components';

function icon(name: string, drawing: string): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">' +
    `<g class="jp-icon3" fill="#616161">${drawing}</g></svg>`;
  return new LabIcon({ name: `kgfeatures:${name}`, svgstr });
}

const circle = (x: number, y: number, r: number): string =>
  `<circle cx="${x}" cy="${y}" r="${r}"/>`;

export const graphIcon = icon(
  'graph',
  circle(5, 6, 3) +
    circle(19, 8, 3) +
    circle(11, 19, 3) +
    '<path d="M7.2 6.2l9.4 1.3-.3 2-9.4-1.3zM6.5 8.1l4.6 8.4-1.8 1-4.6-8.4zM17.8 10l-5 7.8-1.7-1.1 5-7.8z"/>'
);

export const browseIcon = icon(
  'browse',
  circle(12, 12, 4) +
    circle(4, 5, 2.5) +
    circle(20, 5, 2.5) +
    circle(4, 19, 2.5) +
    circle(20, 19, 2.5) +
    '<path d="M4.600 3.900l15.500 15.500-1.100 1.100L3.500 5zM19.400 3.900L3.900 19.400 5 20.500 20.500 5z"/>'
);

export const consoleIcon = icon(
  'console',
  '<path d="M4 4h16a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6c0-1.1.9-2 2-2zm0 4v10h16V8zm2 2l3 3-3 3-1.2-1.2L6.6 13l-1.8-1.8zm4.500 4.500h5.500v1.600h-5.500z"/>'
);

export const detailIcon = icon(
  'detail',
  '<path d="M3 4h18v16H3zm2 5v3h4V9zm6 0v3h8V9zm-6 5v4h4v-4zm6 0v4h8v-4z" fill-rule="evenodd"/>'
);

export const codeIcon = icon(
  'code',
  '<path d="M8.7 6.3L7.300 4.900.2 12l7.100 7.100 1.400-1.400L3 12zm6.600 0l1.400-1.400L23.800 12l-7.100 7.100-1.400-1.400L21 12z"/>'
);

export const planIcon = icon(
  'plan',
  '<path d="M3 3h8v5H8v3h8v-1h5v5h-5v-2H8v5h8v-1h5v5h-5v-2H6V8H3z"/>'
);
