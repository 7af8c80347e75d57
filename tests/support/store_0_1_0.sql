BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE annotations (
	project_id INTEGER NOT NULL, 
	annotation_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	annotator VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	choice VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	updated_at VARCHAR NOT NULL, 
	editor VARCHAR NOT NULL, 
	initial BOOLEAN NOT NULL, 
	deleted BOOLEAN NOT NULL, 
	received_at FLOAT NOT NULL, initial_kind VARCHAR DEFAULT '' NOT NULL, initial_choice VARCHAR DEFAULT '' NOT NULL, initial_editor VARCHAR DEFAULT '' NOT NULL, initial_at VARCHAR DEFAULT '' NOT NULL, 
	PRIMARY KEY (project_id, annotation_id)
);
INSERT INTO "annotations" VALUES(1,1,2,'9','label','cat','2026-01-01T00:02:00.000014Z','2026-01-01T00:02:00.000017Z','',1,0,1.79588292440007829663e+09,'label','cat','','2026-01-01T00:02:00.000017Z');
INSERT INTO "annotations" VALUES(1,2,3,'9','label','dog','2026-01-01T00:02:00.000014Z','2026-01-01T00:02:00.000017Z','',1,0,1.79588292440007829663e+09,'label','dog','','2026-01-01T00:02:00.000017Z');
INSERT INTO "annotations" VALUES(1,3,4,'9','label','bird','2026-01-01T00:02:00.000014Z','2026-01-01T00:02:00.000017Z','',1,0,1.79588292440007829663e+09,'label','bird','','2026-01-01T00:02:00.000017Z');
INSERT INTO "annotations" VALUES(1,4,5,'9','label','cat','2026-01-01T00:02:00.000014Z','2026-01-01T00:02:00.000017Z','',1,0,1.79588292440007829663e+09,'label','cat','','2026-01-01T00:02:00.000017Z');
INSERT INTO "annotations" VALUES(11,5,12,'9','label','cat','2026-01-01T00:04:00.000028Z','2026-01-01T00:04:00.000031Z','',1,0,1.79588292449578094478e+09,'label','cat','','2026-01-01T00:04:00.000031Z');
INSERT INTO "annotations" VALUES(11,6,13,'9','label','dog','2026-01-01T00:04:00.000028Z','2026-01-01T00:04:00.000031Z','',1,0,1.79588292449578094478e+09,'label','dog','','2026-01-01T00:04:00.000031Z');
INSERT INTO "annotations" VALUES(1,7,2,'1','label','bird','2026-01-01T00:07:00.000049Z','2026-01-01T00:07:00.000052Z','',0,0,1.79588292440007829663e+09,'','','','');
INSERT INTO "annotations" VALUES(1,8,2,'2','label','bird','2026-01-01T00:11:00.000077Z','2026-01-01T00:11:00.000080Z','',0,0,1.79588292440007829663e+09,'','','','');
INSERT INTO "annotations" VALUES(1,9,3,'1','label','cat','2026-01-01T00:14:00.000098Z','2026-01-01T00:14:00.000101Z','',0,0,1.79588292464913916587e+09,'','','','');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	action VARCHAR NOT NULL, 
	task_id INTEGER, 
	received_at FLOAT NOT NULL, 
	handled_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,1,'PROJECT_UPDATED',NULL,1.79588292418789744375e+09,1.79588292426492142674e+09);
INSERT INTO "events" VALUES(2,1,'PROJECT_UPDATED',NULL,1.79588292418909931179e+09,1.79588292426492142674e+09);
INSERT INTO "events" VALUES(3,1,'ANNOTATION_CREATED',2,1.79588292420063138006e+09,1.79588292426492142674e+09);
INSERT INTO "events" VALUES(4,1,'ANNOTATION_CREATED',2,1.79588292427870178219e+09,1.79588292431946897507e+09);
INSERT INTO "events" VALUES(5,1,'PAUSED',NULL,1.79588292432265853883e+09,1.79588292436021661757e+09);
INSERT INTO "events" VALUES(6,1,'RESUMED',NULL,1.79588292433200430865e+09,1.79588292436021661757e+09);
INSERT INTO "events" VALUES(7,1,'START_TRAINING',NULL,1.7958829243338048458e+09,1.79588292436021661757e+09);
INSERT INTO "events" VALUES(8,1,'STOP round-3',NULL,1.79588292463759279255e+09,NULL);
INSERT INTO "events" VALUES(9,1,'ROUND_STOPPED',NULL,1.7958829246478693485e+09,NULL);
INSERT INTO "events" VALUES(10,1,'ANNOTATION_CREATED',3,1.79588292465036487586e+09,NULL);
INSERT INTO "events" VALUES(11,1,'CHANGED',NULL,1.7958829246509265899e+09,NULL);
INSERT INTO "events" VALUES(12,1,'RECONCILE',NULL,1.79588292466007447244e+09,NULL);
INSERT INTO "events" VALUES(13,1,'UNDO round-2',NULL,1.79588292466161847113e+09,NULL);
INSERT INTO "events" VALUES(14,1,'UNDO write-back',NULL,1.79588292467019271852e+09,NULL);
CREATE TABLE projects (
	id INTEGER NOT NULL, 
	created_at VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	label_config TEXT NOT NULL, 
	extra_params TEXT NOT NULL, 
	connected_at VARCHAR NOT NULL, 
	"before" JSON NOT NULL, 
	backend_id INTEGER, 
	webhook_id INTEGER, 
	view_id INTEGER, 
	high_water VARCHAR NOT NULL, 
	train_requested BOOLEAN NOT NULL, 
	paused BOOLEAN NOT NULL, 
	note TEXT NOT NULL, webhook_digest VARCHAR DEFAULT '' NOT NULL, skip_queue VARCHAR DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "projects" VALUES(1,'2026-01-01T00:01:00.000007Z','Project 1','<View><Image name="image" value="$image"/><Choices name="label" toName="image" choice="single-radio" required="true"><Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices></View>','','2026-01-01T00:02:00.000014Z','{"sampling": "Sequential sampling", "maximum_annotations": 1, "show_collab_predictions": true, "model_version": ""}',9,6,8,'2026-01-01T00:12:00.000084Z',0,0,'','5b0e57e40a328ae1355814deb2eb5b07cb94142d3b8a778b829d77cd023659e6','REQUEUE_FOR_OTHERS');
INSERT INTO "projects" VALUES(11,'2026-01-01T00:03:00.000021Z','Project 11','<View><Image name="image" value="$image"/><Choices name="label" toName="image" choice="single-radio" required="true"><Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices></View>','','2026-01-01T00:04:00.000028Z','{"sampling": "Sequential sampling", "maximum_annotations": 1, "show_collab_predictions": true, "model_version": ""}',17,14,16,'2026-01-01T00:04:00.000028Z',0,0,'','fa7f18e160ef28a75bb592f3f7a851314a033a9168a310d942899868afe82ff4','REQUEUE_FOR_OTHERS');
CREATE TABLE rounds (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	model_version VARCHAR NOT NULL, 
	policy JSON NOT NULL, 
	votes INTEGER NOT NULL, 
	started_at FLOAT NOT NULL, 
	heartbeat_at FLOAT NOT NULL, 
	finished_at FLOAT, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	stage VARCHAR NOT NULL, 
	stage_started_at FLOAT NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	artifact VARCHAR NOT NULL, 
	record JSON NOT NULL, 
	error TEXT NOT NULL, peak_memory BIGINT DEFAULT '0' NOT NULL, machine_memory BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rounds" VALUES(1,1,1,'published','relabel-1-42d21d67','{"choices": "", "image": "", "preset": "", "initial": "annotations", "cannot_tell": "", "classes": {}, "encoder": "tiny", "encoder_weights": null, "image_size": 0, "selector": "linear", "selector_options": {}, "warm_start": false, "score": "tiered_phi", "diversity": "none", "diversity_options": {}, "tie_rule": "current", "max_votes": 10, "solo": false, "overwritten": "editor", "queue": "window", "audit_share": 0.0, "stop_yield": 0.0, "budget": null, "window": 2, "retrain_after": 1000, "seed": 0}',0,1.79588292403475737572e+09,1.79588292410111284255e+09,1.79588292410110855106e+09,'studio',12323,'published',1.79588292403475737572e+09,0,0,'round-1.npz','{"classes": ["cat", "dog", "bird"]}','',0,0);
INSERT INTO "rounds" VALUES(2,1,2,'published','relabel-2-42d21d67','{"choices": "", "image": "", "preset": "", "initial": "annotations", "cannot_tell": "", "classes": {}, "encoder": "tiny", "encoder_weights": null, "image_size": 0, "selector": "linear", "selector_options": {}, "warm_start": false, "score": "tiered_phi", "diversity": "none", "diversity_options": {}, "tie_rule": "current", "max_votes": 10, "solo": false, "overwritten": "editor", "queue": "window", "audit_share": 0.0, "stop_yield": 0.0, "budget": null, "window": 2, "retrain_after": 1000, "seed": 0}',0,1.795882924125890255e+09,1.79588292416798543929e+09,1.79588292416798281673e+09,'studio',12323,'published',1.795882924125890255e+09,0,0,'round-2.npz','{"classes": ["cat", "dog", "bird"]}','',0,0);
INSERT INTO "rounds" VALUES(3,1,3,'stopped','relabel-3-42d21d67','{"choices": "", "image": "", "preset": "", "initial": "annotations", "cannot_tell": "", "classes": {}, "encoder": "tiny", "encoder_weights": null, "image_size": 0, "selector": "linear", "selector_options": {}, "warm_start": false, "score": "tiered_phi", "diversity": "none", "diversity_options": {}, "tie_rule": "current", "max_votes": 10, "solo": false, "overwritten": "editor", "queue": "window", "audit_share": 0.0, "stop_yield": 0.0, "budget": null, "window": 2, "retrain_after": 1000, "seed": 0}',2,1.79588292462915587429e+09,1.79588292463875484465e+09,1.79588292463875174526e+09,'studio',12323,'starting',1.79588292462915587429e+09,0,0,'','{}','',0,0);
CREATE TABLE tasks (
	project_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	image TEXT NOT NULL, 
	overlap INTEGER NOT NULL, 
	is_labeled BOOLEAN NOT NULL, 
	updated_at VARCHAR NOT NULL, 
	overlap_before INTEGER NOT NULL, 
	is_labeled_before BOOLEAN NOT NULL, 
	touched BOOLEAN NOT NULL, 
	given VARCHAR NOT NULL, 
	audit BOOLEAN NOT NULL, 
	score FLOAT, 
	problem TEXT NOT NULL, 
	PRIMARY KEY (project_id, task_id)
);
INSERT INTO "tasks" VALUES(1,2,'/data/upload/1/2.png',3,1,'2026-01-01T00:12:00.000084Z',1,1,1,'',0,1.80544379218032929879e-01,'');
INSERT INTO "tasks" VALUES(1,3,'/data/upload/1/3.png',2,0,'2026-01-01T00:06:00.000042Z',1,1,1,'',0,0.42,'');
INSERT INTO "tasks" VALUES(1,4,'/data/upload/1/4.png',2,0,'2026-01-01T00:10:00.000070Z',1,1,1,'',0,5.80000000000000071054e-01,'');
INSERT INTO "tasks" VALUES(1,5,'/data/upload/1/5.png',1,1,'2026-01-01T00:02:00.000014Z',1,1,0,'',0,0.74,'');
INSERT INTO "tasks" VALUES(11,12,'/data/upload/11/12.png',1,1,'2026-01-01T00:04:00.000028Z',1,1,0,'',0,NULL,'');
INSERT INTO "tasks" VALUES(11,13,'/data/upload/11/13.png',1,1,'2026-01-01T00:04:00.000028Z',1,1,0,'',0,NULL,'');
CREATE TABLE writes (
	id INTEGER NOT NULL, 
	project_id INTEGER NOT NULL, 
	run VARCHAR NOT NULL, 
	at FLOAT NOT NULL, 
	what VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "writes" VALUES(1,1,'connect',1.79588292393368029599e+09,'settings','1','{"sampling": "Sequential sampling"}','{"sampling": "Uncertainty sampling"}');
INSERT INTO "writes" VALUES(2,1,'connect',1.79588292394734883308e+09,'add backend','9','null','null');
INSERT INTO "writes" VALUES(3,1,'connect',1.79588292394775319096e+09,'add webhook','6','null','null');
INSERT INTO "writes" VALUES(4,1,'connect',1.79588292394799399378e+09,'add view','8','null','null');
INSERT INTO "writes" VALUES(5,11,'connect',1.79588292400769042973e+09,'settings','11','{"sampling": "Sequential sampling"}','{"sampling": "Uncertainty sampling"}');
INSERT INTO "writes" VALUES(6,11,'connect',1.79588292401402187343e+09,'add backend','17','null','null');
INSERT INTO "writes" VALUES(7,11,'connect',1.79588292401434373862e+09,'add webhook','14','null','null');
INSERT INTO "writes" VALUES(8,11,'connect',1.79588292401457834237e+09,'add view','16','null','null');
INSERT INTO "writes" VALUES(9,1,'round-1',1.79588292408402848245e+09,'settings','1','{"model_version": "Relabel", "show_collab_predictions": true}','{"model_version": "relabel-1-42d21d67", "show_collab_predictions": true}');
INSERT INTO "writes" VALUES(10,1,'round-1',1.79588292409441971776e+09,'open task','2','{"overlap": 1, "is_labeled": true}','{"overlap": 2, "is_labeled": false}');
INSERT INTO "writes" VALUES(11,1,'round-1',1.79588292409965372088e+09,'open task','3','{"overlap": 1, "is_labeled": true}','{"overlap": 2, "is_labeled": false}');
INSERT INTO "writes" VALUES(12,1,'round-1',1.79588292410086727141e+09,'predictions','relabel-1-42d21d67','null',4);
INSERT INTO "writes" VALUES(13,1,'round-2',1.79588292416771554953e+09,'predictions','relabel-2-42d21d67','null',4);
INSERT INTO "writes" VALUES(14,1,'round-2',1.7958829241697895527e+09,'settings','1','{"model_version": "relabel-1-42d21d67", "show_collab_predictions": true}','{"model_version": "relabel-2-42d21d67", "show_collab_predictions": true}');
INSERT INTO "writes" VALUES(15,1,'live',1.79588292425716328616e+09,'score','2',0.26,1.09064349330241505686e-03);
INSERT INTO "writes" VALUES(16,1,'live',1.79588292425856876368e+09,'open task','2','{"overlap": 2, "is_labeled": true}','{"overlap": 3, "is_labeled": false}');
INSERT INTO "writes" VALUES(17,1,'live',1.79588292426429343225e+09,'open task','4','{"overlap": 1, "is_labeled": true}','{"overlap": 2, "is_labeled": false}');
INSERT INTO "writes" VALUES(18,1,'live',1.79588292431461668012e+09,'score','2',1.09064349330241505686e-03,1.80544379218032929879e-01);
INSERT INTO "writes" VALUES(19,1,'write-back',1.79588292455884289736e+09,'data','2','{}','{"relabel_label": "bird", "relabel_soft_label": {"cat": 0.333333, "bird": 0.666667}}');
CREATE INDEX annotations_by_task ON annotations (project_id, task_id);
CREATE INDEX events_to_handle ON events (project_id, handled_at);
CREATE INDEX rounds_by_project ON rounds (project_id, number);
CREATE INDEX writes_by_run ON writes (project_id, run);
CREATE INDEX rounds_by_state ON rounds (project_id, state, number);
CREATE INDEX events_by_action ON events (project_id, action);
CREATE INDEX writes_by_time ON writes (project_id, at);
COMMIT;
