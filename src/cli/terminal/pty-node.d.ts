// The native part of node-pty has no types of its own.
declare module "@lydell/node-pty-*" {
  const native: {
    open(columns: number, rows: number): { master: number; slave: number; pty: string }
    resize(master: number, columns: number, rows: number): void
  }
  export default native
}
