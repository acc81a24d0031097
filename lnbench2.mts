import { GraphBuilder } from './client/graph/graph-builder.ts';
import { encodeModel } from './client/graph/onnx-encode.ts';
import { differentiate } from './client/graph/autodiff.ts';
import { SHAPE_RULES } from './client/graph/shapes/shape-rules.ts';
import { GRADIENT_RULES } from './client/graph/gradients/gradient-rules.ts';
import { int, float } from './client/graph/attribute.ts';
import * as ort from 'onnxruntime-node';
const g0: any = {};
(SHAPE_RULES as any).LayerNormalization = (q: any) => {
  const x = q.inputs[0]; const ax = q.attributes.axis.value; const r = x.shape.length; const a = ax<0?ax+r:ax;
  const kept = x.shape.map((l: number, i: number) => i >= a ? 1 : l);
  return [{dtype:'float32',shape:x.shape},{dtype:'float32',shape:kept},{dtype:'float32',shape:kept}];
};
// core, normalised only
function coreNorm(g: any, x: any, scale?: any, bias?: any) {
  const n = x.shape.at(-1);
  const ones = scale ?? g.constant({dtype:'float32',shape:[n],data:new Float32Array(n).fill(1)});
  return g.applyAll('LayerNormalization',[x,ones,...(bias?[bias]:[])],{axis:int(-1),epsilon:float(1e-5)});
}
const mean=(g: any,v: any)=>g.reduce('ReduceMean',v,[v.shape.length-1],true);
const colsum=(g: any,v: any)=>g.reduce('ReduceSum',v,[...v.shape.keys()].slice(0,-1),false);
function composed(g: any, x: any, s: any, b: any) {
  const c = g.sub(x, mean(g,x)); const v = mean(g, g.mul(c,c));
  const sd = g.apply('Sqrt',[g.add(v,g.scalar(1e-5))]);
  const xh = g.div(c, sd);
  return {y: g.add(g.mul(xh,s),b), xh, sd, c};
}
type V='composed-auto'|'composed-closed'|'core-affine'|'core-norm'|'core-norm-mm'|'fwd-composed'|'fwd-core'|'fwd-core-norm'|'composed-recip';
function build(kind: V, shape: number[]) {
  const g: any = new GraphBuilder('t'); const n=shape.at(-1)!;
  const x=g.input('x','float32',shape), s=g.input('s','float32',[n]), b=g.input('b','float32',[n]), d=g.input('d','float32',shape);
  const outs=(o: any)=>encodeModel(g.finish(Object.entries(o).map(([name,value])=>({name,value:value as any}))));
  if (kind==='fwd-composed') return outs({y: composed(g,x,s,b).y});
  if (kind==='fwd-core') return outs({y: coreNorm(g,x,s,b)[0]});
  if (kind==='fwd-core-norm') { const [xh]=coreNorm(g,x); return outs({y:g.add(g.mul(xh,s),b)}); }
  if (kind==='composed-auto') {
    const {y}=composed(g,x,s,b);
    const tape={nodes:[...g.nodes],label:(q: any)=>q.op};
    const [dx,ds,db]=differentiate(g,tape,y,d,[x,s,b]);
    return outs({y,dx,ds,db});
  }
  let xh: any, y: any, inv: any, div=false;
  if (kind==='composed-closed') { const r=composed(g,x,s,b); xh=r.xh; y=r.y; inv=r.sd; div=true; }
  else if (kind==='composed-recip') { const c=g.sub(x,mean(g,x)); const v=mean(g,g.mul(c,c)); inv=g.div(g.scalar(1),g.apply('Sqrt',[g.add(v,g.scalar(1e-5))])); xh=g.mul(c,inv); y=g.add(g.mul(xh,s),b); }
  else if (kind==='core-affine') { const [yy,m,i]=coreNorm(g,x,s,b); y=yy; inv=i; xh=g.mul(g.sub(x,m),i); }
  else { const [h,,i]=coreNorm(g,x); xh=h; inv=i; y=g.add(g.mul(xh,s),b); }
  const p=g.mul(d,xh), ds=colsum(g,p), db=colsum(g,d);
  let m1,m2, dh=g.mul(d,s);
  if (kind==='core-norm-mm') { const col=g.mul(g.reshape(s,[n,1]),g.scalar(1/n)); m1=g.apply('MatMul',[d,col]); m2=g.apply('MatMul',[p,col]); }
  else { m1=mean(g,dh); m2=mean(g,g.mul(dh,xh)); }
  const t=g.sub(g.sub(dh,m1),g.mul(xh,m2));
  const dx=div?g.div(t,inv):g.mul(t,inv);
  return outs({y,dx,ds,db});
}
for (const shape of [[256,784],[64,3136],[256,64]]) {
  const sess: any={}; 
  const kinds: V[]=['fwd-composed','fwd-core','fwd-core-norm','composed-auto','composed-closed','composed-recip','core-affine','core-norm','core-norm-mm'];
  const N=shape.reduce((a,b)=>a*b), n=shape.at(-1)!;
  const r=(k: number)=>Float32Array.from({length:k},()=>Math.random()*2-1);
  const feeds: any={x:new ort.Tensor('float32',r(N),shape),s:new ort.Tensor('float32',r(n),[n]),b:new ort.Tensor('float32',r(n),[n]),d:new ort.Tensor('float32',r(N),shape)};
  const ref: any={};
  for (const k of kinds) { const bytes=build(k,shape); const se=await ort.InferenceSession.create(bytes,{intraOpNumThreads:1,interOpNumThreads:1}); sess[k]={se,best:[]}; const f=Object.fromEntries(se.inputNames.map((i: string)=>[i,feeds[i]])); sess[k].f=f; for(let i=0;i<5;i++){const o=await se.run(f); if(i==0) for(const [q,t] of Object.entries(o)){ const dd=(t as any).data; if(ref[q]){let w=0;for(let j=0;j<dd.length;j++)w=Math.max(w,Math.abs(dd[j]-ref[q][j]));if(w>1e-4)console.log(k,q,'diff',w);} else ref[q]=dd; }}}
  for (let rep=0;rep<60;rep++) for (const k of kinds) { const t=process.hrtime.bigint(); for(let i=0;i<3;i++) await sess[k].se.run(sess[k].f); sess[k].best.push(Number(process.hrtime.bigint()-t)/3e6); }
  console.log(shape.join('x')); for (const k of kinds) { const b=sess[k].best.sort((a: number,b: number)=>a-b); console.log('  ',k.padEnd(18),'min',b[0].toFixed(4),'q25',b[15].toFixed(4)); }
}
