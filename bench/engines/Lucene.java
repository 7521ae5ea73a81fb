import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.apache.lucene.document.Document;
import org.apache.lucene.document.FeatureField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.FieldInvertState;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.CollectionStatistics;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TermStatistics;
import org.apache.lucene.search.similarities.Similarity;
import org.apache.lucene.store.ByteBuffersDirectory;

/**
 * Indexes the documents of a file of bulk lines as Elasticsearch and OpenSearch do, a FeatureField for each
 * latent, and prints the best documents for each line of a file of queries, as "document|score", and "end".
 */
public class Lucene {
	/** Finds "7":0.5. */
	private static final Pattern PAIR = Pattern.compile("\"(\\d+)\":([-+.e0-9]+)");

	/** The product of a weight and a feature, as FeatureField.newLinearQuery, which Lucene has from 8.8 on, computes it. */
	private static class Linear extends Similarity {
		@Override
		public long computeNorm(FieldInvertState state) {
			return 1;
		}

		@Override
		public SimScorer scorer(float weight, CollectionStatistics collection, TermStatistics... terms) {
			return new SimScorer() {
				@Override
				public float score(float freq, long norm) { // the largest float asks for a bound
					return weight * (freq > 1 << 24 ? Float.MAX_VALUE : Float.intBitsToFloat((int) freq << 15));
				}
			};
		}
	}

	public static void main(String[] args) throws IOException {
		List<String> lines = Files.readAllLines(Path.of(args[0]));
		ByteBuffersDirectory folder = new ByteBuffersDirectory();
		try (IndexWriter writer = new IndexWriter(folder, new IndexWriterConfig(null))) {
			for (int i = 1; i < lines.size(); i += 2) {
				Document document = new Document();
				for (Matcher m = PAIR.matcher(lines.get(i)); m.find();) {
					document.add(new FeatureField("code", m.group(1), Float.parseFloat(m.group(2))));
				}
				writer.addDocument(document);
			}
			writer.forceMerge(1);
		}
		IndexSearcher searcher = new IndexSearcher(DirectoryReader.open(folder));
		searcher.setSimilarity(new Linear());
		for (String line : Files.readAllLines(Path.of(args[1]))) {
			BooleanQuery.Builder query = new BooleanQuery.Builder();
			for (Matcher m = PAIR.matcher(line); m.find();) {
				query.add(new BoostQuery(new TermQuery(new Term("code", m.group(1))), Float.parseFloat(m.group(2))), BooleanClause.Occur.SHOULD);
			}
			for (ScoreDoc hit : searcher.search(query.build(), Integer.parseInt(args[2])).scoreDocs) {
				System.out.println(hit.doc + "|" + hit.score);
			}
			System.out.println("end");
		}
	}
}
