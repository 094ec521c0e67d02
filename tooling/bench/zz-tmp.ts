import pMap, { pMapIterable } from 'p-map'
import { mapConcurrent, forEachConcurrent } from '@aplomb/tasks'
const N=300_000
function* src(){ for(let i=0;i<N;i++) yield i }
const m = async (x:number)=>x+1
const m2 = (x:number)=> new Promise<number>(r=>setImmediate(r,x))
async function ordered(f){ let s=0; for await(const v of mapConcurrent(src(),f,{concurrency:64})) s+=v; return s}
async function unordered(f){ let s=0; for await(const v of mapConcurrent(src(),f,{concurrency:64,ordered:false})) s+=v; return s}
async function each(f){ let s=0; await forEachConcurrent(src(),async x=>{s+=await f(x)},{concurrency:64}); return s}
async function pmap(f){ let s=0; for (const v of await pMap(src(),f,{concurrency:64})) s+=v; return s}
async function piter(f){ let s=0; for await(const v of pMapIterable(src(),f,{concurrency:64})) s+=v; return s}
async function t(f,a){ gc!(); const s=performance.now(); const r=await f(a); return ((performance.now()-s)*1000/N).toFixed(2) }
for (const k of [m,m2]) for(let r=0;r<4;r++) console.log('ordered',await t(ordered,k),'unordered',await t(unordered,k),'each',await t(each,k),'p-map',await t(pmap,k),'p-iter',await t(piter,k))
