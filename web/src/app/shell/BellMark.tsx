/** The mark: a bell whose clapper is a price line. */
export function BellMark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <path
        d="M16 4.5c-4.6 0-7.6 3.4-7.6 8v4.2L5.6 21.6h20.8l-2.8-4.9v-4.2c0-4.6-3-8-7.6-8Z"
        stroke="var(--mb-accent)"
        strokeWidth="2"
        strokeLinejoin="round"
      />
      <path
        d="M10.2 16.4h2.6l1.6-3.8 2.6 6.2 1.6-2.4h3.2"
        stroke="var(--mb-accent)"
        strokeWidth="1.7"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path
        d="M13.2 25.2a3.1 3.1 0 0 0 5.6 0"
        stroke="var(--mb-accent)"
        strokeWidth="2"
        strokeLinecap="round"
      />
    </svg>
  );
}
