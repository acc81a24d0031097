import { GraphBuilder } from './client/graph/graph-builder.ts';
import { encodeModel } from './client/graph/onnx-encode.ts';
import { SHAPE_RULES } from './client/graph/shapes/shape-rules.ts';
import { int, float } from './client/graph/attribute.ts';
import * as ort from 'onnxruntime-node';
(SHAPE_RULES as any).LayerNormalization = (q: any) => [{dtype:'float32',shape:q.inputs[0].shape},{dtype:'float32',shape:[1,1]},{dtype:'float32',shape:[1,1]}];
(SHAPE_RULES as any).InstanceNormalization = (q: any) => q.inputs[0];
for (const op of ['LayerNormalization','InstanceNormalization'] as any[]) {
const g: any = new GraphBuilder('t'); const n=64;
const shape = op==='LayerNormalization'?[1,n]:[1,1,n]; const c = op==='LayerNormalization'?n:1;
const x=g.input('x','float32',shape), one=g.constant({dtype:'float32',shape:[c],data:new Float32Array(c).fill(1)}), z=g.constant({dtype:'float32',shape:[c],data:new Float32Array(c)});
const r=g.applyAll(op,[x,one,z],{...(op[0]==='L'?{axis:int(-1)}:{}),epsilon:float(1e-5)});
const se=await ort.InferenceSession.create(encodeModel(g.finish([{name:'y',value:r[0]}])));
for (const off of [0,10,100,1000,10000]) {
  const d=Float32Array.from({length:n},()=>off+Math.random()*2-1);
  const y=(await se.run({x:new ort.Tensor('float32',d,shape)})).y.data as Float32Array;
  const m=d.reduce((a,b)=>a+b,0)/n; let mean=0; for(const v of d) mean+=v; mean/=n; let va=0; for(const v of d) va+=(v-mean)**2; va/=n;
  let w=0; d.forEach((v,i)=>{w=Math.max(w,Math.abs(y[i]-(v-mean)/Math.sqrt(va+1e-5)))});
  console.log(op,off,w);
}}
