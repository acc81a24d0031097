import { GraphBuilder } from './client/graph/graph-builder.ts';
import { encodeModel } from './client/graph/onnx-encode.ts';
import { differentiate } from './client/graph/autodiff.ts';
import { int, float } from './client/graph/attribute.ts';
import * as ort from 'onnxruntime-node';
import { absorbExpand } from './client/graph/passes/absorb-expand.ts';
import { prune } from './client/graph/passes/prune.ts';
type K='composed-absorb'|'core-absorb'|'composed'|'core'|'fwd-composed'|'fwd-core';
function build(kind: K, shape: number[], axis: number) {
  const g=new GraphBuilder('t'); const x=g.input('x','float32',shape), d=g.input('d','float32',shape);
  const s=g.input('s','float32',[shape[1],...shape.slice(2).map(()=>1)]), b=g.input('b','float32',[shape[1],...shape.slice(2).map(()=>1)]);
  const axes=[...shape.keys()].slice(axis); let n;
  if (kind.includes('composed')) { const m=g.reduce('ReduceMean',x,axes,true); const c=g.sub(x,m); const v=g.reduce('ReduceMean',g.mul(c,c),axes,true); n=g.mul(c,g.apply('Reciprocal',[g.apply('Sqrt',[g.add(v,g.scalar(1e-5))])])); }
  else { const inner=shape.slice(axis); const k=inner.reduce((a,b)=>a*b); [n]=g.applyAll('LayerNormalization',[x,g.constant({dtype:'float32',shape:inner,data:new Float32Array(k).fill(1)})],{axis:int(axis),epsilon:float(1e-5)}); }
  const y=g.add(g.mul(n!,s),b);
  if (kind.startsWith('fwd')) return encodeModel(g.finish([{name:'y',value:y}]));
  const [dx,ds,db]=differentiate(g,{nodes:[...g.nodes] as any,label:(q)=>q.op},y,d,[x,s,b]);
  const opt=(q: any)=>kind.endsWith('absorb')?prune(absorbExpand(q)):q;
  return encodeModel(opt(g.finish([{name:'y',value:y},{name:'dx',value:dx!},{name:'ds',value:ds!},{name:'db',value:db!}])));
}
for (const [shape,axis] of [[[16,8,1568],2],[[16,64,28,28],2],[[16,32,7,7],2],[[512,64],1],[[4,8,8192],2]] as [number[],number][]) {
  const sess: any={}; const kinds: K[]=['fwd-composed','fwd-core','composed','composed-absorb','core','core-absorb'];
  const N=shape.reduce((a,b)=>a*b); const sc=[shape[1],...shape.slice(2).map(()=>1)];
  const r=(k: number)=>Float32Array.from({length:k},()=>Math.random()*2-1);
  const feeds: any={x:new ort.Tensor('float32',r(N),shape),s:new ort.Tensor('float32',r(shape[1]),sc),b:new ort.Tensor('float32',r(shape[1]),sc),d:new ort.Tensor('float32',r(N),shape)};
  for (const k of kinds) { const se=await ort.InferenceSession.create(build(k,shape,axis),{intraOpNumThreads:1,interOpNumThreads:1}); const f=Object.fromEntries(se.inputNames.map((i: string)=>[i,feeds[i]])); sess[k]={se,f,best:[]}; for(let i=0;i<3;i++) await se.run(f); }
  for (let rep=0;rep<40;rep++) for (const k of kinds) { const t=process.hrtime.bigint(); await sess[k].se.run(sess[k].f); sess[k].best.push(Number(process.hrtime.bigint()-t)/1e6); }
  console.log(shape.join('x')); for (const k of kinds) { const b=sess[k].best.sort((a: number,b: number)=>a-b); console.log('  ',k.padEnd(14),'min',b[0].toFixed(3),'q25',b[10].toFixed(3)); }
}
