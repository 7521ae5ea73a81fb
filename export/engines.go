package export

import (
	"fmt"
	"math"
)

// What each engine is sent. All names are checked, so they need no escapes.

// qdrantSetup makes a collection of points with one sparse vector. Without "modifier" and "datatype" its product is that of
// the values as float32.
func qdrantSetup(p place, _ int) Setup {
	return Setup{
		Create: post("PUT", "/collections/"+p.name, `{"sparse_vectors":{"%s":{}}}`, p.field),
		Load:   Request{Method: "PUT", Path: "/collections/" + p.name + "/points?wait=true"},
	}
}

// qdrantQuery asks for points.
func qdrantQuery(p place, q *entries, _, k int) Request {
	return post("POST", "/collections/"+p.name+"/points/query", `{"query":%s,"using":"%s","limit":%d}`, q.appendLists(nil), p.field, k)
}

// elasticSetup makes an index with a field sparse_vector.
func elasticSetup(p place, _ int) Setup { return luceneSetup(p, `{"type":"sparse_vector"}`, "") }

// elasticQuery asks without pruning of the query's latents, which new indices do otherwise.
func elasticQuery(p place, q *entries, _, k int) Request {
	return post("POST", "/"+p.name+"/_search", `{"query":{"sparse_vector":{"field":"%s","query_vector":%s,"prune":false}},"size":%d,"_source":false}`,
		p.field, q.appendObject(nil), k)
}

// openSearchSetup makes an index with a field rank_features.
func openSearchSetup(p place, _ int) Setup { return luceneSetup(p, `{"type":"rank_features"}`, "") }

// openSeismicSetup makes an index with a field sparse_vector, whose steps go to the ceiling.
func openSeismicSetup(p place, _ int) Setup {
	return luceneSetup(p, fmt.Sprintf(`{"type":"sparse_vector","method":{"name":"seismic","parameters":{"quantization_ceiling_ingest":%[1]s,"quantization_ceiling_search":%[1]s}}}`,
		appendValue(nil, p.ceiling)), `"settings":{"index":{"sparse":true}},`)
}

// luceneSetup makes an index of Elasticsearch or OpenSearch.
func luceneSetup(p place, mapping, settings string) Setup {
	return Setup{
		Create: post("PUT", "/"+p.name, `{%s"mappings":{"properties":{"%s":%s}}}`, settings, p.field, mapping),
		Load:   Request{Method: "POST", Path: "/" + p.name + "/_bulk"},
	}
}

// mostWeight is the largest weight of a latent that OpenSearch takes in a query.
const mostWeight = 64

// openSearchQuery asks for documents.
func openSearchQuery(p place, q *entries, _, k int) Request {
	return neuralSparse(p, q, k, mostWeight, "")
}

// openSeismicQuery asks with all latents of the query: without "top_n" the engine takes ten.
func openSeismicQuery(p place, q *entries, _, k int) Request {
	return neuralSparse(p, q, k, min(mostWeight, p.ceiling), fmt.Sprintf(`,"method_parameters":{"k":%d,"top_n":%d}`, k, len(q.latents)))
}

// neuralSparse asks OpenSearch with weights of at most most, which a factor of the whole query makes good.
func neuralSparse(p place, q *entries, k int, most float32, more string) Request {
	boost := ""
	if n := q.shrink(most); n > 0 {
		boost = fmt.Sprintf(`,"boost":%s`, appendValue(nil, float32(math.Ldexp(1, n))))
	}
	return post("POST", "/"+p.name+"/_search", `{"query":{"neural_sparse":{"%s":{"query_tokens":%s%s%s}}},"size":%d,"_source":false}`,
		p.field, q.appendObject(nil), more, boost, k)
}

// mostShrink is how often weights are divided by 2 at most: the factor that makes it good is a finite float32.
const mostShrink = 127

// shrink divides the values by 2 to the n, so that none is larger than most, and returns n. That is exact but for values that become
// smaller than the smallest normal float32.
func (r *entries) shrink(most float32) int {
	n := 0
	for largest := r.largest; largest > float64(most) && n < mostShrink; largest /= 2 {
		n++
	}
	if n > 0 {
		for t, v := range r.values {
			r.values[t] = max(float32(math.Ldexp(float64(v), -n)), leastFloat32)
		}
	}
	return n
}

// milvusSetup makes a collection with an index that skips what cannot be among the hits, and nothing else.
func milvusSetup(p place, _ int) Setup {
	return Setup{
		Create: post("POST", "/v2/vectordb/collections/create",
			`{"collectionName":"%s","schema":{"autoId":false,"fields":[{"fieldName":"id","dataType":"Int64","isPrimary":true},{"fieldName":"%s","dataType":"SparseFloatVector"}]},`+
				`"indexParams":[{"fieldName":"%[2]s","indexName":"%[2]s","metricType":"IP","indexType":"SPARSE_INVERTED_INDEX","params":{"inverted_index_algo":"DAAT_MAXSCORE"}}]}`, p.name, p.field),
		Load: post("POST", "/v2/vectordb/jobs/import/create", `{"collectionName":"%s","files":[["%[1]s.json"]]}`, p.name),
	}
}

// milvusQuery asks for entities. Without "drop_ratio_search" no value of the query is dropped.
func milvusQuery(p place, q *entries, _, k int) Request {
	return post("POST", "/v2/vectordb/entities/search", `{"collectionName":"%s","data":[%s],"annsField":"%s","limit":%d,"outputFields":["id"]}`,
		p.name, q.appendObject(nil), p.field, k)
}

// noSetup is for an engine that reads the file as it is.
func noSetup(place, int) Setup { return Setup{} }

// seismicQuery returns a line of a file of queries.
func seismicQuery(_ place, q *entries, _, _ int) Request {
	return Request{Body: string(appendDocument(nil, 0, q))}
}

// textSetup makes a table, and loads text.
func textSetup(p place, latents int) Setup { return sqlSetup(p, latents, "") }

// binarySetup makes a table, and loads binary rows.
func binarySetup(p place, latents int) Setup { return sqlSetup(p, latents, " WITH (FORMAT binary)") }

// sqlSetup makes a table of rows by their numbers.
func sqlSetup(p place, latents int, form string) Setup {
	return Setup{
		Create: Request{Body: fmt.Sprintf(`CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE "%s" ("id" bigint PRIMARY KEY, "%s" sparsevec(%d) NOT NULL);`, p.name, p.field, latents)},
		Load:  Request{Body: fmt.Sprintf(`COPY "%s" ("id", "%s") FROM STDIN%s;`, p.name, p.field, form)},
		Index: Request{Body: fmt.Sprintf(`CREATE INDEX ON "%s" USING hnsw ("%s" sparsevec_ip_ops);`, p.name, p.field)},
	}
}

// sqlQuery computes all products, whatever indexes there are: <#> is the product below zero.
func sqlQuery(p place, q *entries, latents, k int) Request {
	return Request{Body: fmt.Sprintf(`WITH products AS MATERIALIZED (SELECT "id", -("%s" <#> '%s') AS score FROM "%s")
SELECT "id", score FROM products WHERE score > 0 ORDER BY score DESC, "id" LIMIT %d;`, p.field, q.appendSparsevec(nil, latents), p.name, k)}
}
