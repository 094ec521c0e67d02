import { systemClock, type Clock } from '@aplomb/kernel'
import { roots, type TreeNode } from './tree-node.ts'

/** One live group, task or other piece of work, and the work below it. */
export interface TaskTreeNode {
  readonly kind: 'group' | 'task' | 'map' | 'offload' | 'shield'
  readonly name: string
  /** `waiting`, `running`, `cancelling` (told to stop) or `abandoned` (nobody waits for it). */
  readonly state: string
  readonly ageMs: number
  /** What it waits for, where that is known. */
  readonly waitsFor?: string
  readonly children: readonly TaskTreeNode[]
}

/** A snapshot of all live work of this process, as plain data. `clock` tells the ages. */
export function taskTree(clock: Clock = systemClock): TaskTreeNode[] {
  return Array.from(roots, (node) => snapshot(node, clock.now()))
}

function snapshot(node: TreeNode, now: number): TaskTreeNode {
  const { kind, name, state, startedAt, waitsFor } = node.facts()
  const children = Array.from(node.children, (child) => snapshot(child, now))
  const ageMs = Math.max(0, now - startedAt)
  return { kind, name, state, ageMs, ...(waitsFor === undefined ? {} : { waitsFor }), children }
}

/** The tree as text, one line each: name, kind, state, age, and what it waits for. */
export function printTaskTree(nodes: readonly TaskTreeNode[] = taskTree()): string {
  if (nodes.length === 0) return '(no live tasks)'
  return nodes.map((node) => [line(node), ...branches(node.children, '')].join('\n')).join('\n')
}

function branches(nodes: readonly TaskTreeNode[], indent: string): string[] {
  return nodes.flatMap((node, index) => {
    const last = index === nodes.length - 1
    const below = branches(node.children, `${indent}${last ? '   ' : '│  '}`)
    return [`${indent}${last ? '└─ ' : '├─ '}${line(node)}`, ...below]
  })
}

function line({ kind, name, state, ageMs, waitsFor }: TaskTreeNode): string {
  const wait = waitsFor === undefined ? '' : `, waits for ${waitsFor}`
  return `${name} (${kind}) ${state}, ${age(ageMs)}${wait}`
}

function age(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`
}
